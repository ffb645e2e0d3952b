"""Rules about what keys spend."""

from datetime import datetime

from keypool.core.actions import ReadUsage
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord
from keypool.core.naming import jitter
from keypool.core.observation import Observation
from keypool.core.spending import READ, next_reset, turned


def spending_periods_turn(o: Observation, plan: Plan, now: datetime) -> Decision:
    """What was spent before the limit's current period counts no more."""
    limit = o.effective.limits.spend
    period = limit.period if limit is not None else None
    return Decision(
        "spending is counted by periods of the limit",
        ledger=turned(plan.ledger, period, o.usage, now),
        wake_at=next_reset(period, now),
    )


def usage_is_read(o: Observation, plan: Plan, now: datetime) -> Decision:
    """At the interval of probes, where the provider tells; spread out after a start."""
    if o.provider is None or o.provider_problem is not None or not o.provider.capabilities.reads_usage:
        return Decision("no provider tells what keys are used for")
    uid = o.provider.uid
    dates = {key.name: _date(o, key) for key in plan.ledger.inside(*READ) if key.provider == uid and key.handle}
    ripe = tuple(ReadUsage(name) for name, date in dates.items() if date <= now)
    return Decision(
        f"the usage of {len(ripe)} keys is to be read",
        actions=ripe,
        wake_at=earliest(*(date for date in dates.values() if date > now)),
    )


def _date(o: Observation, key: KeyRecord) -> datetime:
    """A key that had time to be used before this leadership is read soon: alerts and carried limits depend on it."""
    reading, every = o.readings.get(key.name), o.effective.probe_every
    date = o.started_at + jitter(key.name) * every if reading is None else reading.at + every
    waiting = o.wait_until.get(f"usage:{key.name}")
    return max(date, waiting) if waiting else date
