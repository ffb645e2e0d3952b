"""The rules of leader election by a Lease, without I/O.

The model is client-go's `leaderelection`: whoever's name is in the Lease leads while it keeps writing `renewTime`.
Clocks of different machines are never compared. A contender counts, on its own monotonic clock, how long the record
has not changed; the leader counts from the moment at which it *sent* its last successful renewal. As
`renew_deadline` < `duration`, the leader stops before a contender may begin.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]


def steady() -> float:
    """Seconds on a clock that never jumps and, where the system offers one, also counts the time it was suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: an unchanged Lease is free after `duration`; a leader that has not renewed for `renew_deadline` stops.

    `retry` lies between two attempts; one request takes at most `request`.
    """

    duration: float = 15.0
    renew_deadline: float = 12.0
    retry: float = 1.0
    request: float = 3.0

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline > self.retry > 0 < self.request:
            raise ValueError("leader election needs duration > renew deadline > retry > 0")

    @property
    def longest_call(self) -> float:
        """Seconds that a call to a provider may take: it begins only while that much leadership is left, which must be
        so most of the time. What is left falls by one `retry` between two renewals; the other allows for slow ones."""
        return self.renew_deadline - 2 * self.retry


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says; `renewed` is only ever compared for equality."""

    holder: str
    renewed: str
    transitions: int
    duration: float

    @classmethod
    def of(cls, lease: Mapping[str, Any]) -> "Record":
        """Parse a coordination.k8s.io/v1 Lease."""
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            renewed=spec.get("renewTime") or "",
            transitions=spec.get("leaseTransitions") or 0,
            duration=float(spec.get("leaseDurationSeconds") or 0),
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record and the moment, on our own clock, at which it was first seen to say just that."""

    record: Record
    since: float


def sight(before: Sighting | None, record: Record, now: float) -> Sighting:
    """Note what was read; the count begins anew only when the record changed."""
    return before if before is not None and before.record == record else Sighting(record, now)


def may_take(seen: Sighting, identity: str, timing: Timing, now: float) -> bool:
    """Whether `identity` may write its name: nobody holds the Lease, or it does already, or the holder went silent.

    The longer of the holder's and our own duration counts, so that differing settings never overlap.
    """
    record = seen.record
    if record.holder in ("", identity):
        return True
    return now - seen.since >= max(record.duration, timing.duration)


def taken(lease: Object, identity: str, timing: Timing, wall: datetime) -> Object:
    """The Lease with our name in it and one more transition, even when the name was ours: leading begins anew."""
    transitions, now = Record.of(lease).transitions + 1, _micro_time(wall)
    ours = {"holderIdentity": identity, "acquireTime": now, "leaseTransitions": transitions}
    return renewed({**lease, "spec": (lease.get("spec") or {}) | ours}, timing, wall)


def renewed(lease: Object, timing: Timing, wall: datetime) -> Object:
    """The Lease, held for another `duration`."""
    ours = {"renewTime": _micro_time(wall), "leaseDurationSeconds": math.ceil(timing.duration)}
    return {**lease, "spec": (lease.get("spec") or {}) | ours}


def released(lease: Object, wall: datetime) -> Object:
    """The Lease without a holder: the next contender takes it at its next look."""
    spec = {key: value for key, value in (lease.get("spec") or {}).items() if key != "holderIdentity"}
    return {**lease, "spec": spec | {"renewTime": _micro_time(wall), "leaseDurationSeconds": 1}}


def _micro_time(wall: datetime) -> str:
    return wall.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
