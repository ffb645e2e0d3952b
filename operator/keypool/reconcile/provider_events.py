"""The Events on a provider object, once its status says something new."""

from typing import Any

from keypool.core.observation import Problem
from keypool.core.provider_situations import Standing
from keypool.core.reasons import Reason
from keypool.reconcile.provider_measures import is_told
from keypool.reconcile.provider_object import subject
from keypool.reconcile.provider_report import failover
from keypool.reconcile.world import World


async def tell_people(world: World, obj: dict[str, Any], standing: Standing, schedule: Problem | None) -> None:
    """What the status says now, and `obj` did not say before."""
    announce, about = world.announcer.announce, subject(obj)
    if (worst := standing.worst) is not None and worst.stalls:
        await announce(about, "Warning", worst.reason, worst.message)
    if schedule is not None and not is_told(obj, schedule):
        await announce(about, "Warning", schedule.reason, schedule.message)
    entry = world.directory.get(obj["metadata"]["uid"])
    if (moved := failover(obj, entry.provider if entry is not None else None)) is not None:
        await announce(about, moved[0], Reason.ENDPOINT_FAILOVER, moved[1])
