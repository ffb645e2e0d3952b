"""Whether the time may be believed. While it may not, nothing is revoked, withdrawn or forgotten because of it.

Purely computational. The operator's clock is kept in `cluster.clock`; here is what its word is worth for one pool.
"""

from datetime import datetime, timedelta

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.observation import Observation

TOLERANCE = timedelta(seconds=60)
"""Clocks that differ by no more agree."""
LOOK_AGAIN = timedelta(seconds=30)
"""While something waits for the clock, it is asked again after this."""


def time_is_trusted(o: Observation, now: datetime) -> bool:
    """The clocks agree, and the ledger was not written later than now."""
    return o.clocks_agree and from_the_future(o.ledger, now) is None


def from_the_future(ledger: Ledger, now: datetime) -> KeyRecord | None:
    """The first key with a time that lies more than `TOLERANCE` ahead; expiries are meant to."""
    limit = now + TOLERANCE
    for key in ledger.keys:
        times = (key.intended_at, key.created_at, key.published_at, key.unpublished_at, key.disabled_at)
        if any(time is not None and time > limit for time in times):
            return key
    return None


def has_expired(o: Observation, key: KeyRecord, now: datetime) -> bool:
    """Certainly: a clock that may be wrong ends no key's life."""
    return key.expires_at <= now and time_is_trusted(o, now)


def counted_from(o: Observation, key: KeyRecord, moment: datetime, now: datetime) -> datetime:
    """From when a delay counts that began at `moment`. What an earlier leadership noted by a clock that may have been
    wrong had happened, at the latest, when this one began."""
    return moment if key.epoch == o.epoch or time_is_trusted(o, now) else max(moment, o.started_at)


def look_again(date: datetime, now: datetime) -> datetime:
    """When to look at what was to happen at `date`: what did not happen then waits for the clock."""
    return date if date > now else now + LOOK_AGAIN


def why_uncertain(o: Observation, now: datetime) -> str:
    """What is to be told where something waits for the clock."""
    odd = from_the_future(o.ledger, now)
    if odd is not None:
        return f"key {odd.name} bears a time that lies in the future, so no key is revoked on grounds of time"
    return "the operator's clock, the node's and the API server's disagree, so no key is revoked on grounds of time"
