"""What is told about keys and endpoints: plain values with public ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from keypool_client.policy.fleet import Fleet, PoolState
from keypool_client.policy.health import KeyHealth


class Finding(StrEnum):
    """What a report says."""

    CONDEMNED = "condemned"
    """The provider rejects the key: it gets a trial now and then, and nothing else."""
    DOUBTED = "doubted"
    """The provider refused the key in words that no row knows."""
    EXHAUSTED = "exhausted"
    """The key has no credit, quota or budget left."""
    REJECTIONS = "rejections"
    """Several keys were rejected at once without a success: no more of the pool's keys is condemned."""


@dataclass(frozen=True, slots=True)
class Report:
    """One finding. It is repeated as long as it holds."""

    finding: Finding
    pool: str
    key_id: str | None
    """None: it is about the pool."""
    since: float
    """Monotonic seconds."""
    until: float | None = None
    """When the key is tried again; None: with the next request."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key, for people."""

    id: str
    state: str
    """ready, condemned, exhausted, limited, or avoided: a sibling speaks against it."""
    in_flight: int
    error_rate: float
    """The worst of its endpoints, between 0 and 1, of late."""
    latency_ms: float | None
    """Until the first byte, at its first endpoint; None: nothing is known."""
    returns_in: float | None
    """Seconds until it is tried again; None: it is ready."""


@dataclass(frozen=True, slots=True)
class EndpointView:
    """One endpoint, for people."""

    name: str
    state: str
    """open (to requests) or resting, after failures in a row."""
    returns_in: float | None
    """Seconds until one request tries it; None: it is open."""


@dataclass(frozen=True, slots=True)
class PoolView:
    """One pool, for people."""

    name: str
    keys: tuple[KeyView, ...]
    endpoints: tuple[EndpointView, ...]


def reports(fleet: Fleet, now: float) -> tuple[Report, ...]:
    """Every finding that holds now."""
    return tuple(report for state in fleet.pools for report in _of(state, now))


def _of(state: PoolState, now: float) -> Iterator[Report]:
    name = state.pool.name
    if state.guard.since is not None:
        yield Report(Finding.REJECTIONS, name, None, state.guard.since)
    for health in state.keys.values():
        suspension, credit = health.suspension, health.credit
        if suspension.since is not None:
            yield Report(Finding.CONDEMNED, name, health.key.id, suspension.since, suspension.due)
        if credit.until > now:
            yield Report(Finding.EXHAUSTED, name, health.key.id, credit.since, credit.until)
        if health.doubted is not None:
            yield Report(Finding.DOUBTED, name, health.key.id, health.doubted)


def view(fleet: Fleet, now: float) -> tuple[PoolView, ...]:
    """Every pool."""
    return tuple(PoolView(state.pool.name, _keys(fleet, state, now), _ends(state, now)) for state in fleet.pools)


def _keys(fleet: Fleet, state: PoolState, now: float) -> tuple[KeyView, ...]:
    return tuple(_key(fleet, state, health, now) for health in state.keys.values())


def _key(fleet: Fleet, state: PoolState, health: KeyHealth, now: float) -> KeyView:
    lanes = [lane for lane in state.lanes.values() if lane.health is health]
    limits = fleet.rates.models(health.rate_name, now).values()
    heard = fleet.heard.until(health, now)
    checks = (
        (health.suspension.since is not None, "condemned", health.suspension.due),
        (health.credit.until > now, "exhausted", health.credit.until),
        (bool(limits), "limited", max(limits, default=now)),
        (heard is not None, "avoided", heard),
        (True, "ready", None),
    )
    name, until = next((name, until) for holds, name, until in checks if holds)
    errors = max((lane.error_rate for lane in lanes), default=0.0)
    latency = lanes[0].latency_ms if lanes else None
    returns = max(0.0, until - now) if until is not None else None
    return KeyView(health.key.id, name, health.in_flight, errors, latency, returns)


def _ends(state: PoolState, now: float) -> tuple[EndpointView, ...]:
    breakers = ((end, breaker.suspension) for (end, _), breaker in state.breakers.items())
    return tuple(
        EndpointView(end, "open", None)
        if suspension.since is None
        else EndpointView(end, "resting", max(0.0, suspension.due - now))
        for end, suspension in breakers
    )
