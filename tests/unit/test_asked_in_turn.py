"""A pool that is gone and lost calls at two providers: both are asked, whatever one of them does."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from keypool.core.lifecycle import KeyState
from keypool.core.rules.intents import absence_of
from keypool.reconcile.memory import Memory
from keypool.reconcile.observe import _asked
from tests.unit.core.builders import NOW, a_key, a_ledger

LEDGER = a_ledger(
    a_key(0, KeyState.UNRESOLVED, name="one", provider="hangs", handle=None),
    a_key(1, KeyState.UNRESOLVED, name="two", provider="answers", handle=None),
)


def world(*known: str) -> Any:
    """These providers can be asked."""

    async def recall(uid: str) -> object:
        return object() if uid in known else None

    return SimpleNamespace(now=lambda: NOW, directory=SimpleNamespace(recall=recall))


async def test_providers_take_turns_so_that_one_that_hangs_holds_up_no_other() -> None:
    memory, asked = Memory(), list[str | None]()
    for _ in range(4):
        asked.append(uid := await _asked(world("hangs", "answers"), LEDGER, memory))
        memory.asked[str(uid)] += 1
    assert asked == ["hangs", "answers", "hangs", "answers"]


async def test_one_that_can_tell_nothing_before_long_does_not_keep_its_turn() -> None:
    memory = Memory()
    memory.asked["hangs"] = 5
    memory.pause(absence_of("two"), NOW + timedelta(hours=6))
    assert await _asked(world("hangs", "answers"), LEDGER, memory) == "hangs"
    assert await _asked(world("answers"), LEDGER, memory) == "answers"
    assert await _asked(world(), LEDGER, memory) is None
