"""How a slot goes on whose create calls lost their answers where no listing tells what became of them.

A short trouble of the provider must not use up what is allowed at once. So the next call waits until the provider
answers again, and the longer the more answers are lost, while the slot's old key works. Purely computational.
"""

from datetime import datetime, timedelta

from keypool.core.deadlines import CREATE_DEADLINE
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.naming import jitter
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.rotation import Due, Why, is_compromised, renewal_due
from keypool.core.rules.intents import is_there, visible

MOST_IN_A_SLOT = 2
WAIT = timedelta(minutes=1)
"""After the first lost answer; twice as long after the second. What serves nobody waits for the call's end alone."""
FIND_OUT = timedelta(minutes=10)
"""So long after the last lost answer a stopped slot asks for no person: a listing may show that no key was made."""
UNKNOWN = (KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.HELD)


def most_in_a_pool(o: Observation) -> int:
    """How many keys that may exist a pool has at most, but for those of `last_chance`."""
    return _most(o.effective.size)


def _most(size: int) -> int:
    return size + 1


def next_try(o: Observation, ledger: Ledger, slot: int, due: Due, now: datetime) -> Due | None:
    """When a slot that is `due` may have its next create call; None while it has to wait for something else."""
    if is_stopped(o, ledger, slot):
        chance = last_chance(o, ledger, slot)
        if chance is None:
            return None
        due = max(due, chance, key=lambda each: each.at)
    lost = [key for key in ledger.inside(KeyState.HELD) if o.provider is not None and is_there(o.provider, key)]
    if any(o.answered is None or o.answered < key.intended_at for key in lost):
        return None  # each lost key is looked for, which asks the provider
    lost = [key for key in lost if key.slot == slot]
    if not lost:
        return due
    last = max(lost, key=lambda key: key.intended_at)
    return Due(max(due.at, last.intended_at + _wait(o, ledger, last, due, len(lost))), due.why)


def is_stopped(o: Observation, ledger: Ledger, slot: int) -> bool:
    """Whether one more lost answer would be one too many, in the slot or in the pool."""
    return has_lost_too_many(ledger, slot, o.effective.size)


def has_lost_too_many(ledger: Ledger, slot: int, size: int) -> bool:
    """The same of a pool of so many keys."""
    if len(ledger.of_slot(slot, KeyState.HELD)) >= MOST_IN_A_SLOT:
        return True
    return len(ledger.inside(KeyState.HELD)) >= _most(size)


def last_chance(o: Observation, ledger: Ledger, slot: int) -> Due | None:
    """One more call, once, for a slot whose last live key would end before anything is forgotten of those held."""
    held, active = ledger.of_slot(slot, KeyState.HELD), ledger.of_slot(slot, KeyState.ACTIVE)
    if not active or len(held) > MOST_IN_A_SLOT:
        return None
    free_at = min(key.expires_at for key in held or ledger.inside(KeyState.HELD))
    return renewal_due(active[-1], o.effective) if active[-1].expires_at < free_at else None


def _wait(o: Observation, ledger: Ledger, last: KeyRecord, due: Due, losses: int) -> timedelta:
    active = ledger.of_slot(last.slot, KeyState.ACTIVE)
    if due.why == Why.COMPROMISED or not ledger.inside(KeyState.ACTIVE):
        return CREATE_DEADLINE
    wait = WAIT * float(2 ** (losses - 1)) * (1 + jitter(last.name) / 4)
    return min([wait, *(max((key.expires_at - last.intended_at) / 2, timedelta(0)) for key in active)])


def stopped_slots(o: Observation, ledger: Ledger, now: datetime) -> tuple[Problem, ...]:
    """What a person has to look at, once no listing is likely to tell."""
    slots = [
        slot
        for slot in range(o.effective.size)
        if is_stopped(o, ledger, slot) and _gets_none(o, ledger, slot, now) and _is_needed(o, ledger, slot)
    ]
    if not slots:
        return ()
    mine, held = ledger.of_slot(slots[0], KeyState.HELD), ledger.inside(KeyState.HELD)
    if len(mine) >= MOST_IN_A_SLOT:
        text, held = f"slot {slots[0]} lost the answers of {len(mine)} create calls; it gets no key", mine
    else:
        text = f"the pool lost the answers of {len(held)} create calls; slot {slots[0]} gets no key"
    text = f"{text} until these are cleared"
    return (Problem(Reason.ANSWER_LOST, text, stalls=now >= find_out_by(o, held, now)),)


def _gets_none(o: Observation, ledger: Ledger, slot: int, now: datetime) -> bool:
    """Whether a stopped slot makes no key by itself. A leaked one is not left to wait for its renewal in silence."""
    chance = last_chance(o, ledger, slot)
    return chance is None or (chance.at > now and is_compromised(ledger.of_slot(slot, KeyState.ACTIVE)[-1]))


def _is_needed(o: Observation, ledger: Ledger, slot: int) -> bool:
    """A slot that lost nothing itself is stopped by the others only when it has no key."""
    return bool(ledger.of_slot(slot, KeyState.HELD)) or not ledger.of_slot(slot, KeyState.ACTIVE)


def find_out_by(o: Observation, held: tuple[KeyRecord, ...], now: datetime) -> datetime:
    """When a person is asked. At once where no listing of this provider tells anything of the calls."""
    there = [key for key in held if o.provider is not None and is_there(o.provider, key)]
    if o.provider is None or not o.provider.capabilities.lists_inactive or not there:
        return now
    return max(visible(o, key, now) for key in there) + FIND_OUT
