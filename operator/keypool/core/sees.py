"""What is seen of a pool: each function answers what is to be told, None for nothing. Purely computational."""

from keypool.core.brake import Grip
from keypool.core.observation import Problem
from keypool.core.projection import usable
from keypool.core.reasons import Reason
from keypool.core.rules.creation import waits_for_its_turn
from keypool.core.sight import BRAKE, Sight
from keypool.core.upcoming import asked_and_waiting

WHOLE_PASS = "pass"  # noqa: S105 - no word of that kind
"""The activity whose trouble says that a whole pass failed in a way that nobody foresaw."""
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


def failed_look(sight: Sight) -> Problem | None:
    """A whole pass failed in a way that nobody foresaw: nothing is known."""
    trouble = sight.o.troubles.get(WHOLE_PASS)
    return note(trouble.reason, trouble.message) if trouble is not None else None


def unforeseen(sight: Sight) -> Problem | None:
    """A part of a pass did."""
    troubles = (trouble for _, trouble in sorted(sight.o.troubles.items()))
    found = next((trouble for trouble in troubles if trouble.reason is Reason.INTERNAL_ERROR), None)
    return note(found.reason, found.message) if found is not None else None


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


def brake(sight: Sight) -> Problem | None:
    """The brake holds."""
    return note(Reason.MOST_KEYS_REJECTED, BRAKE) if sight.o.grip is Grip.ENGAGED else None


def unwritten(sight: Sight) -> Problem | None:
    """It cannot be written, or is yet to be."""
    return sight.unwritten


def failed_pass(sight: Sight) -> Problem | None:
    """Something in the cluster could not be read or written, such as the ledger."""
    trouble = sight.o.troubles.get("cluster")
    return note(trouble.reason, trouble.message) if trouble is not None else None


def doubted_keys(sight: Sight) -> Problem | None:
    """The brake holds: whether the keys are dead or the provider is wrong, nobody knows."""
    return brake(sight) if sight.is_satisfied and sight.shown else None


def live_key(sight: Sight) -> Problem | None:
    """A key that the provider accepted when it last gave a verdict was seen in the Secret."""
    if not sight.is_satisfied or not sight.live:
        return None
    but = f", but {sight.stalled.reason.value} needs a person" if sight.stalled is not None else ""
    but += f"; {Reason.LEAK_NOT_CONTAINED.value}: see Revoked" if sight.leak is not None else ""
    waits = asked_and_waiting(sight.o, sight.now)
    but += f"; {waits}" if waits is not None else ""
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
    if sight.o.ledger.satisfied_generation == sight.o.known_pool.generation:
        return None
    waits = asked_and_waiting(sight.o, sight.now) if sight.pending.reason is Reason.UPDATING else None
    return sight.pending if waits is None else note(Reason.UPDATING, waits)


def waiting_turn(sight: Sight) -> Problem | None:
    """People want new keys faster than they are made."""
    return waits_for_its_turn(sight.o, sight.now)


def nothing_to_publish(sight: Sight) -> Problem | None:
    """No key was proven yet."""
    why = sight.stalled or suspension(sight) or sight.pending
    return note(why.reason, "no key is ready to be published yet") if sight.nothing_to_publish else None


def written(sight: Sight) -> Problem:
    """They were seen to be: whatever else is so stands above."""
    return note(Reason.SECRETS_CURRENT, f"keys in the Secrets: {len(usable(sight.o.ledger))}")
