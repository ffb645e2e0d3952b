"""Keys about which the provider says neither yes nor no, in words that stand still. Purely computational."""

from datetime import datetime, timedelta

from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation

ATTEMPTS = 3
"""Probes in a row without a verdict after which it is told."""
INTERVALS = 3
"""A key that was not asked about for so many intervals is told as well."""
SLACK = timedelta(minutes=1)


def silence(o: Observation, now: datetime) -> str | None:
    """Since when there is no verdict on a published key; of several, on the one that waits longest. None where all were
    judged in time. It names a time, and so is said only while verdicts are missing."""
    keys = [key for key in o.ledger.inside(KeyState.ACTIVE) if _is_silent(o, key, now)]
    if not keys:
        return None
    key = min(keys, key=lambda each: (_since(o, each), each.slot))
    since = f"{_since(o, key):%Y-%m-%d %H:%M:%SZ}"
    if key.name in o.checks:
        return f"no verdict since {since} on the key of slot {key.slot}; it was accepted then"
    what = "no verdict" if _attempts(o, key) else "not asked"
    return f"{what} since the restart at {since} about the key of slot {key.slot}"


def _is_silent(o: Observation, key: KeyRecord, now: datetime) -> bool:
    """Whether several probes brought no verdict, or none was made for long."""
    return _attempts(o, key) >= ATTEMPTS or now - _since(o, key) > INTERVALS * o.effective.probe_every + SLACK


def _since(o: Observation, key: KeyRecord) -> datetime:
    check = o.checks.get(key.name)
    return check.at if check is not None else o.started_at


def _attempts(o: Observation, key: KeyRecord) -> int:
    trouble = o.troubles.get(f"probe:{key.name}")
    return trouble.attempts if trouble is not None else 0
