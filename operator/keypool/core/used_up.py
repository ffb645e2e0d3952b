"""Slots that used up their spending limit: what follows for new keys, and for the key in the Secret. Purely
computational.

A new key in such a slot could spend nothing, but for one call: a provider says no only after a key went over its limit,
and takes no limit of nothing. So none is made, however often people ask, until the limit's next period begins or the
limit is raised. A key that leaked is replaced all the same; so is one that may spend far more than is asked for now,
which its successor may not. Within a period what a slot spent only grows: a slot that is used up stays so, and the key
in the Secret changes at most once for each slot.
"""

from datetime import datetime

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.limits import SpendLimit
from keypool.core.observation import Observation
from keypool.core.rotation import is_compromised
from keypool.core.spending import LEAST, READ, next_reset, period_start, spent_in_slot

FILLED = (KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.CREATED, KeyState.ACTIVE)


def is_used_up(o: Observation, ledger: Ledger, slot: int) -> bool:
    """Whether the slot has less than a cent left, as far as is known. Never where the keys of a pool share the limit:
    it is kept upstream, and a new key adds nothing to it."""
    limit = _limit(o)
    return limit is not None and limit.amount - spent_in_slot(ledger, o.usage, slot) < LEAST


def has_to_wait(o: Observation, ledger: Ledger, slot: int, now: datetime) -> bool:
    """Whether a key that is due in this slot is not made, because it could spend nothing. A slot without one does not
    wait for readings that are to tell what was spent before a period that has begun: its new key may spend the whole
    limit."""
    if not is_used_up(o, ledger, slot) or any(is_compromised(key) for key in ledger.keys if key.slot == slot):
        return False
    active = ledger.of_slot(slot, KeyState.ACTIVE)
    if not active and _is_of_before(o, ledger, now):
        return False
    return not any(_may_spend_more(o, key) for key in active)


def _is_of_before(o: Observation, ledger: Ledger, now: datetime) -> bool:
    """Whether what the ledger counts was spent in a period that is over."""
    limit = _limit(o)
    start = period_start(limit.period, now) if limit is not None else None
    return start is not None and ledger.spending.period != start


def _may_spend_more(o: Observation, key: KeyRecord) -> bool:
    """Whether the key has no limit, or a higher one than is asked for now, which the provider cannot change. Where a
    new key gets the whole limit, it must be twice as high: lowered by a cent at a time, it would buy one each time."""
    limit, provider = _limit(o), o.provider
    in_place = provider is not None and provider.capabilities.changes_limits and key.provider == provider.uid
    if limit is None or provider is None or in_place:
        return False
    most = limit.amount if limit.period is None else 2 * limit.amount
    return key.spend_limit is None or key.spend_limit.amount > most


def begins_anew(o: Observation, now: datetime) -> datetime | None:
    """When the limit's next period begins; None where it has no period."""
    limit = _limit(o)
    return next_reset(limit.period, now) if limit is not None else None


def empty_until(o: Observation, now: datetime) -> str | None:
    """Why a slot without a key gets none, and until when; of the first such slot."""
    if o.known_pool.spec is None:
        return None
    for slot in range(o.spec.size):
        if not o.ledger.of_slot(slot, *FILLED) and has_to_wait(o, o.ledger, slot, now):
            at = begins_anew(o, now)
            when = f"at {at:%Y-%m-%d %H:%M:%SZ}, when the limit begins anew, or " if at is not None else ""
            return (
                f"slot {slot} used up its spending limit: it gets a key {when}when spec.key.spendLimit.amount is raised"
            )
    return None


def better_primary(o: Observation, ledger: Ledger) -> str | None:
    """The key that is to stand in the Secret instead of the one whose slot is used up: that of the slot with most left.
    None where it may stay, or no other is known to be better."""
    primary = ledger.key(ledger.primary) if ledger.primary else None
    if primary is None or not is_used_up(o, ledger, primary.slot) or o.spec.suspend:
        return None
    others = (key for key in ledger.inside(KeyState.ACTIVE) if key.provider == primary.provider)
    good = [key for key in others if _is_good(o, ledger, key) and not is_used_up(o, ledger, key.slot)]
    best = min(good, key=lambda key: (spent_in_slot(ledger, o.usage, key.slot), key.slot), default=None)
    return best.name if best is not None else None


def _is_good(o: Observation, ledger: Ledger, key: KeyRecord) -> bool:
    """It was accepted when last asked about, stays, and what its slot spent is known."""
    check = o.checks.get(key.name)
    known = all(each.name in o.readings for each in ledger.of_slot(key.slot, *READ))
    stays = key.slot < o.spec.size and not is_compromised(key)
    return check is not None and check.accepted and known and stays


def _limit(o: Observation) -> SpendLimit | None:
    """Of each slot; None where there is none, or nothing is told of what keys spend."""
    if o.known_pool.spec is None or (o.provider is not None and not o.provider.capabilities.tells_usage):
        return None
    limit = o.effective.limits.spend
    return None if limit is None or limit.shared else limit
