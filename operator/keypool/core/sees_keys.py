"""What is seen of a pool's keys: each function answers what is to be told, None for nothing. Purely computational."""

from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.limits import SpendLimit
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason, Trouble
from keypool.core.rotation import Why, is_compromised
from keypool.core.rules import acknowledged, intents, static
from keypool.core.rules.retirement import keys_that_wait_for_the_clock
from keypool.core.sees import note
from keypool.core.sight import Sight, is_rejected
from keypool.core.silence import silence
from keypool.core.spending import crossed, fraction, spent_in_slot
from keypool.core.supply import entry_named
from keypool.core.trust import why_uncertain
from keypool.core.used_up import empty_until

NAMED = 5
"""Slots that are named at most."""

# -- whether keys work


def rejected_key(sight: Sight) -> Problem | None:
    """The first key that the provider rejects."""
    bad = [key for key in sight.o.ledger.inside(KeyState.ACTIVE, KeyState.WITHDRAWN) if is_rejected(sight.o, key)]
    return note(Reason.KEY_REJECTED, f"the provider rejects the key of slot {bad[0].slot}") if bad else None


def failed_create(sight: Sight) -> Problem | None:
    """Why no key can be made."""
    trouble = sight.o.troubles.get("create")
    return note(trouble.reason, trouble.message) if trouble is not None else None


def empty_slot(sight: Sight) -> Problem | None:
    """Fewer slots with a key than the spec asks for."""
    size = sight.o.known_pool.spec.size if sight.o.known_pool.spec is not None else 0
    filled = len({key.slot for key in sight.o.ledger.inside(KeyState.ACTIVE) if key.slot < size})
    spent = empty_until(sight.o, sight.now) if filled < size else None
    text = f"slots with a usable key: {filled} of {size}" + (f"; {spent}" if spent is not None else "")
    return note(Reason.SLOT_EMPTY, text) if filled < size else None


def kept_values(sight: Sight) -> Problem | None:
    """Values that people removed or reported compromised, and that stay published because no other works."""
    o = sight.o
    if o.known_pool.spec is None or not static.keys_come_from_people(o):
        return None
    kept = [key for key in o.ledger.inside(KeyState.ACTIVE) if static.is_leaving(o, key)]
    named = ", ".join(f"{key.print} ({'compromised' if is_compromised(key) else 'removed'})" for key in kept)
    return note(Reason.VALUES_MISSING, f"still published, until another key works: {named}") if kept else None


def silent_key(sight: Sight) -> Problem | None:
    """The provider says neither yes nor no, or nobody asked it."""
    since = silence(sight.o, sight.now) if sight.o.known_pool.spec is not None else None
    return note(Reason.NO_VERDICT, since) if since is not None else None


def ageing_key(sight: Sight) -> Problem | None:
    """People are asked for another key in time."""
    o = sight.o
    old = static.ageing(o, sight.now) if o.known_pool.spec is not None else None
    if old is None:
        return None
    ends = (old.created_at or old.intended_at) + min(o.effective.lifetime, o.effective.every)
    when = "now" if old.asked else f"by {ends:%Y-%m-%d}"
    text = f"{entry_named(old.label)} ({old.print}) is to be replaced {when}: add another value, then remove it"
    return note(Reason.KEY_AGEING, text)


# -- what is left to be revoked


def leak(sight: Sight) -> Problem | None:
    """A key is reported compromised, and is not proven dead."""
    return note(Reason.LEAK_NOT_CONTAINED, sight.leak.message) if sight.leak is not None else None


def lost_answer(sight: Sight) -> Problem | None:
    """A key may exist that nobody knows."""
    lost = sight.o.ledger.inside(KeyState.UNRESOLVED, KeyState.HELD)
    if not lost:
        return None
    unlistable = intents.unlistable(sight.o, lost[0])
    text = f"create calls whose answer was lost: {len(lost)} (first: {lost[0].name})"
    return note(Reason.ANSWER_LOST, f"{text}. {unlistable}" if unlistable is not None else text)


def manual_revocation(sight: Sight) -> Problem | None:
    """Keys that only people can revoke."""
    o = sight.o
    manual = [key.print or "" for key in o.ledger.inside(KeyState.OWED) if key.why == Why.SUPPLIED]
    text = f"revoke at the provider: {', '.join(manual)}; then annotate keypool.dev/revoked=FINGERPRINT"
    if claimed := acknowledged.claimed_in_vain(o):
        text = f"{claimed}. To {text}"
    return note(Reason.MANUAL_REVOCATION, text) if manual else None


def refused_revocation(sight: Sight) -> Problem | None:
    """Keys that the provider does not delete."""
    owed = sight.o.ledger.inside(KeyState.OWED)
    text = f"keys that the provider refuses to revoke: {len(owed)} (first: {owed[0].name})" if owed else ""
    return note(Reason.REVOCATION_REFUSED, text) if owed else None


def late_revocation(sight: Sight) -> Problem | None:
    """What keeps a key from being revoked or, before that, disabled."""
    late = [(key, trouble) for key in sight.o.ledger.keys if (trouble := _late(sight.o, key)) is not None]
    return note(Reason.REVOCATION_PENDING, f"{late[0][0].name}: {late[0][1].message}") if late else None


def _late(o: Observation, key: KeyRecord) -> Trouble | None:
    activity = {KeyState.REVOKING: "revoke", KeyState.DISABLED: "disable"}.get(key.state)
    return o.troubles.get(f"{activity}:{key.name}")


def uncertain_time(sight: Sight) -> Problem | None:
    """Old keys are kept because the time is not trusted."""
    waits = sight.o.known_pool.spec is not None and keys_that_wait_for_the_clock(sight.o, sight.now)
    return note(Reason.CLOCK_UNCERTAIN, why_uncertain(sight.o, sight.now)) if waits else None


def planned_revocation(sight: Sight) -> Problem | None:
    """Under way, as it should be."""
    count = len(sight.o.ledger.inside(KeyState.REVOKING))
    return note(Reason.REVOKING, f"keys that are being revoked, as planned: {count}") if count else None


# -- spending


def spending_is_known(o: Observation) -> bool:
    """Not after a start, before all keys in use were read; never where only their last use is told."""
    if o.provider is not None and not o.provider.capabilities.tells_usage:
        return False
    return bool(o.readings) and all(key.name in o.readings for key in o.ledger.inside(KeyState.ACTIVE))


def spending(sight: Sight) -> tuple[int | None, Problem] | None:
    """The percentage that was crossed, and what is told. None where there is no limit, or nothing is known. It names a
    percentage of the spec's, and so stays still."""
    o = sight.o
    if o.known_pool.spec is None or (limit := o.effective.limits.spend) is None or not spending_is_known(o):
        return None
    percent = crossed(fraction(o.ledger, limit, o.effective.size, o.usage), o.effective.alert_at)
    whose = "the keys" if limit.shared else _spenders(o, limit, percent)
    if percent is None:
        text = f"{whose} spent less than {min(o.effective.alert_at)} % of the limit"
        return None, note(Reason.SPENDING_LOW, text)
    reason = Reason.SPEND_LIMIT_REACHED if percent == 100 else Reason.SPEND_LIMIT_NEAR
    return percent, note(reason, f"{whose} spent {percent} % or more of the limit")


def _spenders(o: Observation, limit: SpendLimit, percent: int | None) -> str:
    """The slots that spent so much of the limit."""
    if percent is None:
        return "the keys of each slot"
    used = {slot: spent_in_slot(o.ledger, o.usage, slot) for slot in range(o.effective.size)}
    found = [str(slot) for slot, spent in used.items() if spent * 100 >= percent * limit.amount]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"the keys of slot{'s' if len(found) > 1 else ''} {', '.join(found[:NAMED])}{more}"


def much_spent(sight: Sight) -> Problem | None:
    """More than the spec's least percentage."""
    known = spending(sight)
    return known[1] if known is not None and known[0] is not None else None


def little_spent(sight: Sight) -> Problem | None:
    """Less than that."""
    known = spending(sight)
    return known[1] if known is not None and known[0] is None else None
