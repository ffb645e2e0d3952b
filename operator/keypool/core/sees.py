"""What is seen of a pool: each function answers what is to be told, None for nothing. Purely computational."""

from keypool.core.brake import Grip
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.projection import usable
from keypool.core.reasons import Reason, Trouble
from keypool.core.rotation import Why
from keypool.core.rules import static
from keypool.core.rules.retirement import keys_that_wait_for_the_clock
from keypool.core.sight import BRAKE, Sight, is_rejected
from keypool.core.spending import crossed, fraction
from keypool.core.trust import why_uncertain

NO_LEDGER = (Reason.LEDGER_MISSING, Reason.LEDGERS_MISSING, Reason.LEDGER_UNREADABLE, Reason.CLUSTER_CHANGED)


def note(reason: Reason, message: str) -> Problem:
    """What is told although it is no problem, or none that needs a person."""
    return Problem(reason, message, stalls=False)


# -- the pool and its ledger


def nothing(_: Sight) -> Problem:
    """Always: what is said where nothing else is."""
    return note(Reason.KEYS_PUBLISHED, "")


def stalled(sight: Sight) -> Problem | None:
    """Nothing more happens until a person acts."""
    return sight.stalled


def deletion(sight: Sight) -> Problem | None:
    """The pool is being deleted."""
    going = sight.o.known_pool.deleted_at is not None
    return note(Reason.DELETING, "keys are being revoked") if going else None


def lost_ledger(sight: Sight) -> Problem | None:
    """What is known of the pool's keys cannot be had, or must not be believed."""
    told = (sight.o.recovery, *sight.problems)
    return next((problem for problem in told if problem is not None and problem.reason in NO_LEDGER), None)


def orphan(sight: Sight) -> Problem | None:
    """A Secret of ours stands, and nobody knows whether its key is live."""
    return lost_ledger(sight) if sight.o.secrets else None


def unreadable_spec(sight: Sight) -> Problem | None:
    """Not even which Secrets are the pool's is known."""
    pool = sight.o.known_pool
    return Problem(Reason.SPEC_INVALID, pool.spec_error) if pool.spec is None else None


def unreadable_since(sight: Sight) -> Problem | None:
    """It was readable: there are keys."""
    return unreadable_spec(sight) if sight.is_satisfied else None


def recovery(sight: Sight) -> Problem | None:
    """A lost or restored ledger is not whole yet."""
    return sight.o.recovery


def suspension(sight: Sight) -> Problem | None:
    """No key is made."""
    return note(Reason.SUSPENDED, "spec.suspend is true: no key is created") if sight.is_suspended else None


# -- what the Secret holds


def unwritten(sight: Sight) -> Problem | None:
    """It cannot be written, or is yet to be."""
    return sight.unwritten


def doubted_keys(sight: Sight) -> Problem | None:
    """The brake holds: whether the keys are dead or the provider is wrong, nobody knows."""
    return brake(sight) if sight.is_satisfied and sight.shown else None


def live_key(sight: Sight) -> Problem | None:
    """A key that the provider accepted when it last gave a verdict was seen in the Secret."""
    if not sight.is_satisfied or not sight.live:
        return None
    but = f", but {sight.stalled.reason.value} needs a person" if sight.stalled is not None else ""
    but += f"; {Reason.LEAK_NOT_CONTAINED.value}: see Revoked" if sight.leak is not None else ""
    return note(Reason.KEYS_PUBLISHED, f"a live key is published{but}")


def doubted_key(sight: Sight) -> Problem | None:
    """All keys in the Secret were rejected, and not yet so often that they count as dead."""
    if not sight.is_satisfied or not sight.shown or sight.live:
        return None
    return note(Reason.KEY_REJECTED, f"the provider rejects key {sight.shown[0].name}; it is asked about again")


def no_secret(sight: Sight) -> Problem | None:
    """There are keys, and none stands in the Secret."""
    return sight.unwritten if sight.is_satisfied and not sight.nothing_to_publish else None


def dead_and_suspended(sight: Sight) -> Problem | None:
    """Nothing is done about it."""
    return suspension(sight) if dead(sight) is not None else None


def dead(sight: Sight) -> Problem | None:
    """Whatever stands in the Secret is dead."""
    return sight.pending if sight.is_satisfied and not sight.shown else None


def suspended_at_first(sight: Sight) -> Problem | None:
    """Nothing is to become ready, so that what waits for a rollout must not wait for it: kstatus takes Ready other than
    True for progress."""
    return suspension(sight) if not sight.is_satisfied and sight.o.recovery is None else None


def first_keys(sight: Sight) -> Problem | None:
    """Why there are no keys yet."""
    return None if sight.is_satisfied else sight.o.recovery or sight.pending


def update(sight: Sight) -> Problem | None:
    """The keys are not yet what the spec asks for."""
    return sight.pending if sight.o.ledger.satisfied_generation != sight.o.known_pool.generation else None


def nothing_to_publish(sight: Sight) -> Problem | None:
    """No key was proven yet."""
    why = sight.stalled or suspension(sight) or sight.pending
    return note(why.reason, "no key is ready to be published yet") if sight.nothing_to_publish else None


def written(sight: Sight) -> Problem:
    """They were seen to be: whatever else is so stands above."""
    return note(Reason.SECRETS_CURRENT, f"keys in the Secrets: {len(usable(sight.o.ledger))}")


# -- whether keys work


def rejected_key(sight: Sight) -> Problem | None:
    """The first key that the provider rejects."""
    bad = [key for key in sight.o.ledger.inside(KeyState.ACTIVE, KeyState.WITHDRAWN) if is_rejected(sight.o, key)]
    return note(Reason.KEY_REJECTED, f"the provider rejects the key of slot {bad[0].slot}") if bad else None


def brake(sight: Sight) -> Problem | None:
    """The brake holds."""
    return note(Reason.MOST_KEYS_REJECTED, BRAKE) if sight.o.grip is Grip.ENGAGED else None


def failed_create(sight: Sight) -> Problem | None:
    """Why no key can be made."""
    trouble = sight.o.troubles.get("create")
    return note(trouble.reason, trouble.message) if trouble is not None else None


def empty_slot(sight: Sight) -> Problem | None:
    """Fewer slots with a key than the spec asks for."""
    size = sight.o.known_pool.spec.size if sight.o.known_pool.spec is not None else 0
    filled = len({key.slot for key in sight.o.ledger.inside(KeyState.ACTIVE) if key.slot < size})
    return note(Reason.SLOT_EMPTY, f"slots with a usable key: {filled} of {size}") if filled < size else None


def ageing_key(sight: Sight) -> Problem | None:
    """People are asked for another key in time."""
    o = sight.o
    old = static.ageing(o, sight.now) if o.known_pool.spec is not None else None
    if old is None:
        return None
    ends = (old.created_at or old.intended_at) + min(o.effective.lifetime, o.effective.every)
    when = "now" if old.asked else f"by {ends:%Y-%m-%d}"
    text = f'entry "{old.label}" ({old.print}) is to be replaced {when}: add another value, then remove it'
    return note(Reason.KEY_AGEING, text)


# -- what is left to be revoked


def leak(sight: Sight) -> Problem | None:
    """A key is reported compromised, and is not proven dead."""
    return note(Reason.LEAK_NOT_CONTAINED, sight.leak.message) if sight.leak is not None else None


def lost_answer(sight: Sight) -> Problem | None:
    """A key may exist that nobody knows."""
    lost = sight.o.ledger.inside(KeyState.UNRESOLVED, KeyState.HELD)
    text = f"create calls whose answer was lost: {len(lost)} (first: {lost[0].name})" if lost else ""
    return note(Reason.ANSWER_LOST, text) if lost else None


def manual_revocation(sight: Sight) -> Problem | None:
    """Keys that only people can revoke."""
    manual = [key.print or "" for key in sight.o.ledger.inside(KeyState.OWED) if key.why == Why.SUPPLIED]
    text = f"revoke at the provider: {', '.join(manual)}; then annotate keypool.dev/revoked=FINGERPRINT"
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
    whose = "the keys" if limit.shared else "the keys of a slot"
    if percent is None:
        text = f"{whose} spent less than {min(o.effective.alert_at)} % of the limit"
        return None, note(Reason.SPENDING_LOW, text)
    reason = Reason.SPEND_LIMIT_REACHED if percent == 100 else Reason.SPEND_LIMIT_NEAR
    return percent, note(reason, f"{whose} spent {percent} % or more of the limit")


def much_spent(sight: Sight) -> Problem | None:
    """More than the spec's least percentage."""
    known = spending(sight)
    return known[1] if known is not None and known[0] is not None else None


def little_spent(sight: Sight) -> Problem | None:
    """Less than that."""
    known = spending(sight)
    return known[1] if known is not None and known[0] is None else None
