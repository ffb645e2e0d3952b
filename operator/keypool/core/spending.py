"""What keys spend, and what is left of a limit across rotations. Purely computational; all amounts in US dollars.

A limit belongs to a slot, not to one upstream key: a new key may spend, in the period in which it is made, only what
the keys before it in the slot have left; from the next period on it has the whole limit. So rotating never adds budget,
but for what a replaced key still spends while it drains: at most what was left when it was replaced. A limit that all
keys of a pool share is kept upstream, by a group that outlives its keys, and needs no arithmetic.

Most providers count what a key spent for ever. Some begin anew with each window of its limit, late by minutes, or at
midnight somewhere else: there, what is counted in the window that runs is what the key spent, and nothing is taken off.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Limits, Period, SpendLimit, Usage

LEAST = Decimal("0.01")
"""What a key gets at least: providers take 0 for no limit."""
NOTHING = Decimal(0)
READ = (KeyState.ACTIVE, KeyState.DRAINING, KeyState.WITHDRAWN, KeyState.DISABLED)
"""Keys whose usage is read: a new one has none, and one that is being revoked may be gone."""


def period_start(period: Period | None, now: datetime) -> datetime | None:
    """When the period that `now` lies in began: midnight UTC, Monday, or the first of the month; None for no period."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "Daily":
        return midnight
    if period == "Weekly":
        return midnight - timedelta(days=now.weekday())
    return midnight.replace(day=1) if period == "Monthly" else None


def next_reset(period: Period | None, now: datetime) -> datetime | None:
    """When the next period begins; None for no period."""
    start = period_start(period, now)
    if start is None:
        return None
    return period_start(period, start + timedelta(days={"Daily": 1, "Weekly": 7, "Monthly": 32}[period or "Daily"]))


def turned(ledger: Ledger, period: Period | None, usage: Mapping[str, Usage], now: datetime) -> Ledger:
    """The ledger in the period of `now`: what was spent before it counts no more. Unchanged within a period, and while
    it is not known what every key that is read has spent, as after a restart."""
    start, spending = period_start(period, now), ledger.spending
    if spending.period == start or any(key.name not in usage for key in ledger.inside(*READ)):
        return ledger
    keys = ledger.keys
    if start is not None:
        before = {key.name: _spent_before(key, usage, spending.period, start) for key in keys}
        keys = tuple(key.model_copy(update={"spent_before": before[key.name]}) for key in keys)
    return ledger.model_copy(
        update={"keys": keys, "spending": spending.model_copy(update={"period": start, "departed": {}})}
    )


def spent_in_slot(ledger: Ledger, usage: Mapping[str, Usage], slot: int) -> Decimal:
    """What the slot's keys, those that are gone included, spent in the ledger's current period."""
    live = sum((spent_by(key, usage, ledger.spending.period) for key in ledger.keys if key.slot == slot), NOTHING)
    return ledger.spending.departed.get(slot, NOTHING) + live


def spent_by(key: KeyRecord, usage: Mapping[str, Usage], period: datetime | None) -> Decimal:
    """What one key spent in the current period, which began then."""
    spend, used = _spend(usage, key.name), usage.get(key.name, Usage())
    if _in_window(used, period) or (used.window_ends is None and spend < key.spent_before):
        return spend  # counted anew since
    return max(spend - key.spent_before, NOTHING)


def spent_ever(key: KeyRecord, usage: Mapping[str, Usage], period: datetime | None) -> Decimal:
    """What one key spent since it was made, however often the provider began to count anew."""
    return key.spent_before + spent_by(key, usage, period)


def begun_anew(ledger: Ledger, name: str, before: Usage | None, after: Usage) -> Ledger:
    """The ledger where a key's counter went back between two readings, as its next window had begun: what was told
    before stays counted among what the key spent ever."""
    key = ledger.key(name)
    if key is None or before is None or not _is_set_back(before, after):
        return ledger
    return ledger.mark(name, spent_before=spent_ever(key, {name: before}, ledger.spending.period))


def _is_set_back(before: Usage, after: Usage) -> bool:
    if before.window_ends is None or after.window_ends is None or before.spend is None or after.spend is None:
        return False
    return before.window_ends < after.window_ends and after.spend < before.spend


def _spent_before(key: KeyRecord, usage: Mapping[str, Usage], period: datetime | None, start: datetime) -> Decimal:
    """What a key spent before the period that begins at `start`. What is counted in a window that goes on is none."""
    used = usage.get(key.name, Usage())
    if used.window_ends is None:
        return _spend(usage, key.name)
    return key.spent_before if _in_window(used, start) else spent_ever(key, usage, period)


def _in_window(used: Usage, period: datetime | None) -> bool:
    """Whether the provider counts in a window that was not over when the period began."""
    return used.window_ends is not None and (period is None or used.window_ends > period)


def limit_of(limit: SpendLimit | None, key: KeyRecord, now: datetime) -> SpendLimit | None:
    """What the provider is to enforce for this key now: the limit, less what others in its slot had spent when it was
    made, as long as that period lasts."""
    if limit is None or limit.shared or key.carried == 0 or key.carried_in != period_start(limit.period, now):
        return limit
    return replace(limit, amount=max(limit.amount - key.carried, LEAST))


def limits_of(limits: Limits, key: KeyRecord, now: datetime) -> Limits:
    """What the provider is to enforce for this key now, of the limits that the spec asks for."""
    return replace(limits, spend=limit_of(limits.spend, key, now))


def departed(ledger: Ledger, key: KeyRecord, usage: Mapping[str, Usage]) -> Ledger:
    """The ledger after `key` left it: what it was used for stays counted."""
    used, spending = usage.get(key.name, Usage()), ledger.spending
    if used.spend is None and used.requests is None:
        return ledger
    before = spending.departed.get(key.slot, NOTHING)
    changed = {
        "departed": {**spending.departed, key.slot: before + spent_by(key, usage, spending.period)},
        "spend": spending.spend + (spent_ever(key, usage, spending.period) if used.spend is not None else NOTHING),
        "requests": spending.requests + (used.requests or 0),
    }
    return ledger.model_copy(update={"spending": spending.model_copy(update=changed)})


def total(ledger: Ledger, usage: Mapping[str, Usage]) -> Usage | None:
    """What the pool was used for since it exists, across rotations; None while a key that was used may be missing,
    as after a restart: a counter that went back would look like new requests."""
    if any((key.published_at or key.unpublished_at) and key.name not in usage for key in ledger.keys):
        return None
    known, period = [usage[key.name] for key in ledger.keys if key.name in usage], ledger.spending.period
    spends = [spent_ever(key, usage, period) for key in ledger.keys if _tells(usage, key.name)]
    counts = [u.requests for u in known if u.requests is not None]
    last = [used.last_used_at for used in known if used.last_used_at is not None]
    return Usage(
        ledger.spending.spend + sum(spends, NOTHING) if spends or ledger.spending.spend else None,
        ledger.spending.requests + sum(counts) if counts or ledger.spending.requests else None,
        max(last, default=None),
    )


def fraction(ledger: Ledger, limit: SpendLimit, size: int, usage: Mapping[str, Usage]) -> Decimal:
    """How much of the limit is used up in this period: of the slot that used most, or of the pool's shared limit."""
    slots = [spent_in_slot(ledger, usage, slot) for slot in range(size)]
    return (sum(slots, NOTHING) if limit.shared else max(slots, default=NOTHING)) / limit.amount


def crossed(used: Decimal, alert_at: tuple[int, ...]) -> int | None:
    """The highest of these percentages that is reached, None while none is."""
    return max((percent for percent in alert_at if used * 100 >= percent), default=None)


def _tells(usage: Mapping[str, Usage], name: str) -> bool:
    return usage.get(name, Usage()).spend is not None


def _spend(usage: Mapping[str, Usage], name: str) -> Decimal:
    used = usage.get(name)
    return used.spend if used is not None and used.spend is not None else NOTHING
