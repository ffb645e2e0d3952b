"""What the audit log is told of a provider object: its credential, and what people ask of it."""

from typing import Any

from keypool.core.annotations import CONFIRM
from keypool.core.provider_situations import Standing
from keypool.reconcile.provider_memory import Looks
from keypool.reconcile.provider_object import subject
from keypool.reconcile.world import World

NOTHING_TO_CONFIRM = "the account is the one that was there before: there was nothing to confirm"


def tell(world: World, obj: dict[str, Any], standing: Standing, memory: Looks) -> None:
    """How its credential stands, and which annotations do not exist; each as soon as it is so, once."""
    entry, coming, worst = world.directory.get(obj["metadata"]["uid"]), memory.coming.entry, standing.worst
    in_use = entry.credential if entry is not None and entry.trusted else None
    wanted = coming if coming is not None else entry if entry is not None and not entry.trusted else None
    problem = worst if worst is not None and worst.stalls else None
    refused = wanted.credential if wanted is not None and problem is not None else None
    world.auditor.credential(subject(obj), obj, in_use, refused, problem)
    world.auditor.odd(subject(obj), obj)


def nothing_to_confirm(world: World, obj: dict[str, Any], token: str) -> None:
    """The annotation that confirms another account was used up."""
    world.auditor.confirmed(subject(obj), obj, CONFIRM, token, NOTHING_TO_CONFIRM)
