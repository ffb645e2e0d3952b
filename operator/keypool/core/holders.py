"""What the report of a pod's relay is worth: that the provider is asked about a key at once. Purely computational.

A report is no authority, and its time is no evidence: nothing but the answers to our own probes changes a key. What a
report saves is the wait for the ordinary probes. The proof is then as short as it can be without taking a moment in
which the provider rejects everything for dead keys: see `is_confirmed`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from keypool.core.decision import earliest
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, Observation

SOONEST = timedelta(seconds=1)
"""Between two probes of one key, and between two questions because of one report, at least this."""
APART = timedelta(seconds=5)
"""Two rejections of a reported key, so far apart at least, stand for the failure threshold: a provider that rejects
everything for a moment has its keys back by then."""
SOONER = timedelta(seconds=2)
"""The same where it is known that the provider does not reject everything."""
REJECTIONS = 2


class Rejection(NamedTuple):
    """What a holder says: the provider rejects this key of this pool. `moment`: since when, as the pod has it. It only
    tells one report from another."""

    pool: str
    key: str
    moment: str


@dataclass(frozen=True, slots=True)
class HolderView:
    """What is kept of a KeyHolder. `pod`: the UID of the pod that owns it and has its name; "" where there is none, or
    nothing to tell of."""

    pod: str = ""
    rejected: frozenset[Rejection] = frozenset()


NOTHING = HolderView()


def pod_counts(pod: Mapping[str, Any], uid: str) -> bool:
    """Whether what the holder of a pod says counts: it is that pod, by UID, and has not finished."""
    is_it = (pod.get("metadata") or {}).get("uid") == uid
    return is_it and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def next_probe(
    o: Observation, key: KeyRecord, ordinary: datetime, asked: Mapping[str, datetime] | None = None
) -> datetime:
    """When a published key is to be asked about: at once where it is reported as rejected, and again when a second
    rejection may prove it; or as a witness. `asked`: the `witnesses`, which who asks for many keys works out once."""
    if not o.reported or key.state is not KeyState.ACTIVE:
        return ordinary
    asked = witnesses(o) if asked is None else asked
    return earliest(ordinary, _as_reported(o, key), asked.get(key.name)) or ordinary


def witnesses(o: Observation) -> dict[str, datetime]:
    """When other keys are to be asked about because a key that is reported was rejected, by name."""
    dates = dict[str, datetime]()
    for key in o.ledger.inside(KeyState.ACTIVE) if o.reported else ():
        if key.name in o.reported and (found := _next_witness(o, key)) is not None:
            name, date = found
            dates[name] = min(dates.get(name, date), date)
    return dates


def is_hurried(o: Observation, check: Checked) -> bool:
    """Whether its rejections in a row came so close together only because of reports, of this key or of others: then
    they may be of one moment, and the threshold is not reached by them."""
    pace = max(SOONEST, o.effective.probe_every / 10)
    ordinary = min(APART, pace * (o.effective.failure_threshold - 1))
    return check.first is not None and timedelta(0) < check.begun - check.first < ordinary


def is_confirmed(o: Observation, key: KeyRecord) -> bool:
    """Whether the provider, asked because of a report, has rejected a key as often as it takes: twice, 5 s apart. Two
    seconds are enough where the first rejection was no matter of the moment: between both the provider took another
    key, or it lists keys and has this one not as active."""
    check = o.checks.get(key.name)
    if (first := _first(o, key)) is None or check is None or check.rejections < REJECTIONS:
        return False
    apart = check.begun - first
    if apart >= APART:
        return True
    witness = _witness(o, key, first)
    seen_before = witness is not None and witness.at <= check.begun
    return apart >= SOONER and (seen_before or _is_lost(o, key, first))


def _first(o: Observation, key: KeyRecord) -> datetime | None:
    """When the first of the rejections in a row came; None for a key that is not reported, that has not been asked
    about since, or is good."""
    since, check = o.reported.get(key.name), o.checks.get(key.name)
    if since is None or check is None or check.begun < since or check.accepted:
        return None
    return check.first


def _as_reported(o: Observation, key: KeyRecord) -> datetime | None:
    since, check = o.reported.get(key.name), o.checks.get(key.name)
    if since is None or check is None:
        return since
    if check.begun < since:
        return max(since, check.at + SOONEST)
    if check.accepted or is_confirmed(o, key):
        return None
    first = check.first or check.at
    soon = check.rejections < REJECTIONS or _witness(o, key, first) is not None or _is_lost(o, key, first)
    return max(first + (SOONER if soon else APART), check.at + SOONEST)


def _next_witness(o: Observation, reported: KeyRecord) -> tuple[str, datetime] | None:
    """One at a time, those that were good last before others; until one of them is good."""
    first = _first(o, reported)
    if first is None or is_confirmed(o, reported) or _witness(o, reported, first) is not None:
        return None
    waiting, asked = list[KeyRecord](), [first]
    for other in _others(o, reported):
        if _asked_since(o, other, first):
            asked.append(o.checks[other.name].at)
        else:
            waiting.append(other)
    if not waiting:
        return None
    return max(waiting, key=lambda other: _promise(o, other)).name, max(asked) + SOONEST


def _others(o: Observation, key: KeyRecord) -> Iterator[KeyRecord]:
    """The pool's other published keys in the same account."""
    published = o.ledger.inside(KeyState.ACTIVE)
    return (other for other in published if other.name != key.name and other.provider == key.provider)


def _asked_since(o: Observation, key: KeyRecord, first: datetime) -> bool:
    check = o.checks.get(key.name)
    return check is not None and check.begun >= first


def _promise(o: Observation, key: KeyRecord) -> tuple[int, datetime, str]:
    check = o.checks.get(key.name)
    if check is None:
        return 1, o.started_at, key.name
    return 2 if check.accepted else 0, check.at, key.name


def _witness(o: Observation, key: KeyRecord, first: datetime) -> Checked | None:
    """The first good answer about another key that was asked for after this one's first rejection."""
    checks = (o.checks.get(other.name) for other in _others(o, key))
    good = (check for check in checks if check is not None and check.accepted and check.begun >= first)
    return min(good, key=lambda check: check.at, default=None)


def _is_lost(o: Observation, key: KeyRecord, first: datetime) -> bool:
    """The provider's list does not have it as active, although it had the time to."""
    lag = o.provider.capabilities.listing_lag if o.provider is not None else timedelta(0)
    return key.name in o.lost and key.created_at is not None and key.created_at + lag <= first
