"""Rules about intents: create calls that were not made, not answered, or not resolved."""

from datetime import datetime

from keypool.core.account import may_be_elsewhere
from keypool.core.actions import LookUp
from keypool.core.deadlines import CREATE_DEADLINE
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation, ProviderFacts
from keypool.core.reasons import Reason
from keypool.core.rotation import Why
from keypool.core.trust import counted_from, has_expired, look_again

LOST = (KeyState.UNRESOLVED, KeyState.HELD)


def is_lost(key: KeyRecord) -> bool:
    """Whether nobody knows yet what became of its create call. Keys that people made have no such call."""
    return key.state in LOST or (key.state is KeyState.OWED and key.handle is None and key.why != Why.SUPPLIED)


def is_with_provider(key: KeyRecord) -> bool:
    """Whether there is a key to revoke at its provider, or a call to find out about: either takes its credential."""
    return key.handle is not None or is_lost(key)


def lost_in(ledger: Ledger) -> tuple[KeyRecord, ...]:
    """Those of which that holds; also when their pool is gone: what was made lives on and is nobody's."""
    return tuple(key for key in ledger.keys if is_lost(key))


def lost_answers_are_unresolved(o: Observation, plan: Plan, now: datetime) -> Decision:
    """An intent of an earlier leadership, or one whose call was made and not recorded, may have become a key."""
    ledger = plan.ledger
    lost = [key for key in ledger.inside(KeyState.INTENDED) if key.epoch != o.epoch or key.name in o.sent]
    for key in lost:
        ledger = ledger.advance(key.name, Evidence.LOST)
    return Decision(f"{len(lost)} intents have no recorded answer", ledger=ledger)


def unsent_intents_are_forgotten(o: Observation, plan: Plan, now: datetime) -> Decision:
    """The call of this leadership's own intent was certainly not made: a slot that still needs a key gets a new intent.

    Sent late, its dates would be wrong; kept, it would count as a lost answer after a restart.
    """
    ledger = plan.ledger
    for key in ledger.inside(KeyState.INTENDED):
        ledger = ledger.advance(key.name, Evidence.NEVER_SENT)
    return Decision("intents whose call was not made are forgotten", ledger=ledger)


def lost_keys_are_looked_for(o: Observation, plan: Plan, now: datetime) -> Decision:
    """By name where the provider lists names, as a key that no ledger knows where the account is ours alone; else the
    intent is held until its longest possible expiry, or until a listing shows that it made no key. Those that are held
    are looked for too once they can be found.
    Those whose create call can be made again are not looked for, unless the pool is going."""
    if o.provider is None or not lost_in(plan.ledger):
        return Decision("no answer is lost, or no provider to ask")
    ledger = _hold(o, o.provider, plan.ledger)
    there = [key for key in lost_in(ledger) if is_there(o.provider, key) and not can_be_repeated(o, key)]
    in_doubt = {key.name for key in there if not _is_findable(o.provider, key) and not o.may(absence_of(key.name), now)}
    wanted = [key for key in there if key.name not in in_doubt]
    dates = {key.name: visible(o, key, now) for key in wanted}
    ripe = tuple(name for name, date in dates.items() if date <= now)
    pauses = [o.pause(absence_of(name), now) for name in in_doubt]
    later = [date for date in dates.values() if date > now]
    wake_at = earliest(*later, *pauses, o.pause("lookup", now) if ripe else None)
    if not ripe or not o.may("lookup", now) or o.provider_problem is not None:
        return Decision("a listing would be too early, or cannot be had", ledger=ledger, wake_at=wake_at)
    return Decision("lost keys are looked for", ledger=ledger, actions=(LookUp(ripe),), wake_at=wake_at)


def unlistable(o: Observation, key: KeyRecord) -> str | None:
    """Why no listing will tell what became of a lost call before a person has acted; None where one may."""
    if o.provider is None or not is_there(o.provider, key):
        return None
    trouble, problem = o.troubles.get("lookup"), o.provider_problem
    if problem is not None and problem.stalls:
        why = f"{problem.reason.value}: {problem.message}"
    elif trouble is not None and trouble.reason is Reason.ANSWER_TOO_LARGE:
        why = f"{trouble.reason.value}: {trouble.message}"
    else:
        return None
    return f"It is not looked for while the account cannot be listed. {why}"


def absence_of(name: str) -> str:
    """The activity of finding out that a call made no key, where nothing else can be found out."""
    return f"absent:{name}"


def visible(o: Observation, key: KeyRecord, now: datetime) -> datetime:
    """From when on a listing has the key of this intent, if there is one."""
    assert o.provider is not None  # noqa: S101
    return counted_from(o, key, key.intended_at, now) + CREATE_DEADLINE + o.provider.capabilities.listing_lag


def begun(o: Observation, key: KeyRecord) -> datetime:
    """When the call was intended, at the earliest. One of an earlier leadership was so before this one began, whatever
    that one's clock said."""
    at = key.begun_at or key.intended_at - CREATE_DEADLINE
    return at if key.epoch == o.epoch else min(at, o.started_at)


def _is_findable(provider: ProviderFacts, key: KeyRecord) -> bool:
    return is_there(provider, key) and (provider.capabilities.lists_names or provider.exclusive)


def is_there(provider: ProviderFacts, key: KeyRecord) -> bool:
    """Another provider's answers say nothing about a key, nor do those of another account."""
    return key.provider == provider.uid and not may_be_elsewhere(key, provider.confirmed)


def can_be_repeated(o: Observation, key: KeyRecord) -> bool:
    """Creating it again is harmless: the value was ours to choose, the same account is asked, which has not refused
    to repeat it, and the pool stays and is not refused."""
    return (
        key.state is KeyState.UNRESOLVED
        and key.value is not None
        and o.provider is not None
        and o.provider.capabilities.chooses_value
        and is_there(o.provider, key)
        and not _is_refused(o, key)
        and o.known_pool.deleted_at is None
        and not (o.refused is not None and o.refused.stalls)
    )


def _is_refused(o: Observation, key: KeyRecord) -> bool:
    """Definitely. What only waits for the account's request budget is repeated when its turn comes."""
    trouble = o.troubles.get(f"repeat:{key.name}")
    return trouble is not None and trouble.reason is Reason.KEY_REFUSED


def _hold(o: Observation, provider: ProviderFacts, ledger: Ledger) -> Ledger:
    for key in ledger.inside(KeyState.UNRESOLVED):
        if not _is_findable(provider, key) and not can_be_repeated(o, key):
            ledger = ledger.advance(key.name, Evidence.UNFINDABLE)
    return ledger


def ended_holds_are_forgotten(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A key that may exist cannot outlive its longest possible expiry.

    One whose handle is known is proven gone instead: its expiry is ours, and the provider may let it live longer.
    """
    ledger = plan.ledger
    for key in _without_handle(ledger):
        if has_expired(o, key, now):
            ledger = ledger.advance(key.name, Evidence.HOLD_ENDED)
    wake_at = earliest(*(look_again(key.expires_at, now) for key in _without_handle(ledger)))
    return Decision("lost keys end with their longest life", ledger=ledger, wake_at=wake_at)


def _without_handle(ledger: Ledger) -> tuple[KeyRecord, ...]:
    uncertain = ledger.inside(KeyState.UNRESOLVED, KeyState.HELD, KeyState.OWED)
    return tuple(key for key in uncertain if key.handle is None)
