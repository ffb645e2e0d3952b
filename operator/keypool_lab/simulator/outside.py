"""What somebody else does to the account behind our back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from keypool_lab.simulator.record import Key
from keypool_lab.simulator.state import State

KeyChange = Literal["disable", "enable", "delete"]
KEY_CHANGES = ("disable", "enable", "delete")


async def change_key(state: State, key_id: str, what: str) -> Key | None:
    """Disables, enables or deletes a key ("newest" names one too); None when there is no such key."""
    now = state.clock()
    edits: dict[str, Callable[[Key], Key]] = {
        "disable": lambda key: replace(key, disabled=now),
        "enable": lambda key: replace(key, disabled=None),
        "delete": lambda key: replace(key, deleted=now, deleted_by="outside"),
    }
    newest = state.record.newest()
    wanted = newest.id if newest and key_id == "newest" else key_id
    return await state.record.change(wanted, edits[what])


async def set_admin_key(state: State, admin_key: str) -> None:
    """Replaces the admin key, also for later runs on the same state file."""
    await state.record.set("admin_key", admin_key)
    state.admin_key = admin_key
