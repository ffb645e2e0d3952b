"""What is merely not there yet: things that are applied together come one after the other. Purely computational.

A Secret that another controller fills, or a provider object from the same manifest, is often there seconds later. Tools
that wait for a rollout give up at once on what is Stalled. So for a while such a lack is told as Reconciling, with the
same reason and message. A refusal is none: it is told at once.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from keypool.core.observation import Observation, Problem

GRACE = timedelta(minutes=2)
"""From the creation of the object that waits."""


def ends(created_at: datetime | None, now: datetime, *, was_ready: bool) -> datetime | None:
    """When an object's grace ends; None where it has none: what was ready and lacks something now has lost it."""
    if created_at is None or was_ready:
        return None
    end = created_at + GRACE
    return end if now < end else None


def of_pool(o: Observation, now: datetime) -> datetime | None:
    """When a pool's grace ends."""
    return ends(o.known_pool.created_at, now, was_ready=o.ledger.satisfied_generation is not None)


def patient(problem: Problem, end: datetime | None) -> Problem:
    """The problem as it is told until `end`."""
    return replace(problem, stalls=False) if problem.not_there_yet and end is not None else problem
