"""What is made of a provider's standing before it is told: patience with what is not there yet, and complaints."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from keypool.cluster.credentials import MAX_AGE
from keypool.cluster.errors import KubeError
from keypool.core import grace
from keypool.core.breaker import State
from keypool.core.observation import Problem
from keypool.core.provider_situations import Standing
from keypool.core.reasons import Reason
from keypool.reconcile.directory import UNCHECKED, Entry
from keypool.reconcile.readings import moment
from keypool.reconcile.world import World

MOMENT = 0.01
"""Seconds later than an endpoint may be tried again, so that it may be by then."""
ONLY_LISTS = "the provider lists keys for the admin credential and refuses this call: check its rights (scopes)"


def unasked(world: World, obj: dict[str, Any]) -> Standing | None:
    """What an earlier leadership said of a provider does not stand while nobody knows whether it still holds. What this
    one said does, which was seen: None."""
    if world.directory.problem(obj["metadata"]["uid"]) is not UNCHECKED:
        return None
    made = moment(obj["metadata"]["creationTimestamp"])
    is_new = made is not None and made >= world.started_at
    text = "it is asked for the first time" if is_new else f"not asked since the restart at {_second(world.started_at)}"
    return Standing(Problem(Reason.PROVIDER_NOT_READY, text, stalls=False), unasked=True)


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def patient(world: World, obj: dict[str, Any], standing: Standing) -> tuple[Standing, float]:
    """A Secret that is merely not there yet stalls nobody for a while; and the seconds until that ends."""
    now, entry = world.now(), world.directory.get(obj["metadata"]["uid"])
    was_ready = entry is not None and entry.trusted
    end = grace.ends(moment(obj["metadata"]["creationTimestamp"]), now, was_ready=was_ready)
    if standing.problem is None or end is None:
        return standing, MAX_AGE
    return replace(standing, problem=grace.patient(standing.problem, end)), (end - now).total_seconds()


def problem_with(about: str, error: KubeError) -> Problem:
    """What keeps a provider from being looked at although it may work: the cluster."""
    return Problem(Reason.CLUSTER_UNAVAILABLE, f"{about}: {error}", error.needs_person)


def unreadable(error: ValidationError) -> Problem:
    """A spec that is not as the schema has it; without what stands there."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return Problem(Reason.SPEC_INVALID, f"spec.{where}: {first['msg']}"[:300])


def _unreachable(entry: Entry) -> Problem | None:
    """Calls go nowhere while all of its endpoints are left alone."""
    endpoints = entry.provider.endpoints()
    if not endpoints or any(endpoint.state is not State.OPEN for endpoint in endpoints):
        return None
    text = "no endpoint works: calls failed several times in a row, and are tried again after a pause"
    return Problem(Reason.PROVIDER_UNAVAILABLE, text, stalls=False)


def reopens(world: World, obj: dict[str, Any]) -> float:
    """Seconds until an endpoint that is open may be tried again."""
    entry = world.directory.get(obj["metadata"]["uid"])
    seen = entry.provider.endpoints() if entry is not None else ()
    waits = [endpoint.retry_in for endpoint in seen if endpoint.state is State.OPEN]
    return min(waits, default=MAX_AGE) + MOMENT


def as_told(world: World, obj: dict[str, Any], standing: Standing) -> Standing:
    """Ready is not said of a provider none of whose endpoints works, or that lists keys and refuses all else. Its pools
    go on trying, with growing pauses: the first call that works tells that it is over."""
    meta, entry = obj["metadata"], world.directory.get(obj["metadata"]["uid"])
    if standing.problem is not None or entry is None:
        return standing
    if (unreachable := _unreachable(entry)) is not None:
        return replace(standing, problem=unreachable)
    if entry.grievances.judgement(shared=False) is None:
        return standing
    pools = world.cache.pools_of_provider(meta.get("namespace", ""), meta["name"])
    places = {pool["metadata"]["namespace"] for uid in pools if (pool := world.cache.pool(uid)) is not None}
    said = entry.grievances.judgement(shared=len(places) > 1)
    if said is None:
        return standing
    return replace(standing, problem=Problem(Reason.CREDENTIAL_REJECTED, f"{said}: {ONLY_LISTS}"))
