"""Rules for a pool that is being deleted, and for a ledger whose pool is gone."""

from datetime import datetime, timedelta

from keypool.core.actions import (
    DropLedger,
    KeepCredential,
    ReleaseSecrets,
    RemoveFinalizer,
    RemoveSecrets,
    Retain,
)
from keypool.core.decision import Decision, Plan
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.projection import project, secret_names
from keypool.core.reasons import Reason
from keypool.core.rules.holding import remembered_spec
from keypool.core.rules.intents import is_with_provider, unlistable

DEADLINE = timedelta(seconds=60)
"""With deletionPolicy Revoke, what is not confirmed by then is owed and the pool may go. The provider's lag in
rejecting deleted keys comes on top."""

REVOCABLE = (KeyState.CREATED, KeyState.ACTIVE, KeyState.WITHDRAWN, KeyState.DRAINING, KeyState.DISABLED)
UNANSWERED = (KeyState.UNRESOLVED, KeyState.HELD)


def retained_keys_are_left(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Retain, or the CRD itself is being deleted: the ledger becomes a tombstone, Secrets lose our owner reference, the
    pool goes. Until then the ledger keeps the values, in case that a Secret has to be written again."""
    if not o.crd_going and policy_of(o) != "Retain":
        return Decision("the policy is to revoke", ledger=plan.ledger.model_copy(update={"retained": False}))
    ledger = plan.ledger.model_copy(update={"retained": bool(plan.ledger.keys)})
    if not o.known_pool.has_finalizer or not o.may("publish", now):
        return Decision("the pool was let go, or a write failed", wake_at=o.pause("publish", now), final=True)
    spec = o.known_pool.spec or remembered_spec(plan.ledger)
    names = secret_names(o.known_pool.name, spec) if spec is not None else ()
    release = ReleaseSecrets(names, project(plan.ledger, spec) if spec is not None else ())
    return Decision("the policy is Retain", ledger=ledger, actions=(release, RemoveFinalizer()), final=True)


def a_tombstone_holds_no_values(o: Observation, plan: Plan, now: datetime) -> Decision:
    """The pool is gone: from here on its keys are only remembered. Before that its Secrets are seen to stand as
    nobody's: it may have gone without its finalizer, and the garbage collector takes what it owned."""
    if (spec := remembered_spec(plan.ledger)) is None:
        return Decision("the keys of a retained pool are remembered", ledger=tombstone(plan.ledger))
    if not o.may("publish", now):
        return Decision("writing the Secrets failed a moment ago", wake_at=o.pause("publish", now))
    names = secret_names(plan.ledger.pool, spec)
    return Decision("the Secrets of a retained pool stay", actions=(Retain(names, project(plan.ledger, spec)),))


def tombstone(ledger: Ledger) -> Ledger:
    """What is remembered of the keys that live on."""
    keys = tuple(key.model_copy(update={"value": None}) for key in ledger.keys)
    return ledger.model_copy(update={"keys": keys, "retained": bool(keys), "end": None})


def keys_of_a_deleted_pool_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """All at once: nobody is served any more. The Secrets go first, so that nothing new reads a dying key."""
    ledger = plan.ledger
    for key in ledger.inside(*REVOCABLE):
        ledger = ledger.advance(key.name, Evidence.POOL_DELETED)
    names = {*o.secrets, *(adopted.secret for adopted in ledger.adopted)}
    remove = (RemoveSecrets(tuple(sorted(names))),) if names else ()
    if not o.may("publish", now):
        return Decision("removing the Secrets failed a moment ago", ledger=ledger, wake_at=o.pause("publish", now))
    return Decision("the pool is being deleted", ledger=ledger, actions=remove)


def overdue_keys_are_owed(o: Observation, plan: Plan, now: datetime) -> Decision:
    """After the deadline, or when the pool is gone already. RevokeAndWait waits for ever."""
    if o.pool is not None and policy_of(o) == "RevokeAndWait":
        return Decision("the pool waits for its last key", problems=_waits_for_people(o, plan.ledger))
    lag = o.provider.capabilities.revocation_lag if o.provider is not None else timedelta(0)
    deadline = o.pool.deleted_at + DEADLINE + lag if o.pool is not None and o.pool.deleted_at else now
    if now < deadline:
        pending = plan.ledger.inside(KeyState.REVOKING, *UNANSWERED)
        return Decision("the deadline has not passed", wake_at=deadline if pending else None)
    ledger = plan.ledger
    for key in ledger.inside(KeyState.REVOKING, *UNANSWERED):
        ledger = ledger.advance(key.name, Evidence.OVERDUE)
    return Decision("what is not confirmed is owed", ledger=ledger)


def _waits_for_people(o: Observation, ledger: Ledger) -> tuple[Problem, ...]:
    """All that is left are lost calls that no listing can resolve: nothing goes on by itself."""
    whys = [unlistable(o, key) for key in ledger.keys if key.state in UNANSWERED]
    if not ledger.keys or len(whys) < len(ledger.keys) or None in whys:
        return ()
    text = f"deletionPolicy RevokeAndWait waits for {len(whys)} lost create calls, first {ledger.keys[0].name}"
    way = f"Or give them up: annotate the pool with keypool.dev/abandon={ledger.keys[0].name}"
    return (Problem(Reason.ANSWER_LOST, f"{text}. {whys[0]}. {way}"),)


def a_settled_pool_may_go(o: Observation, plan: Plan, now: datetime) -> Decision:
    """When every key is proven gone or, unless the policy is to wait, durably owed."""
    if o.pool is None or not o.pool.has_finalizer:
        return Decision("there is no finalizer of ours")
    waits = policy_of(o) == "RevokeAndWait"
    waiting = [key for key in plan.ledger.keys if waits or key.state is not KeyState.OWED]
    if waiting or not o.may("publish", now):
        return Decision(f"{len(waiting)} keys are not settled yet", wake_at=o.pause("publish", now))
    return Decision("every key is settled", actions=(*_keeping(plan.ledger), RemoveFinalizer()))


def _keeping(ledger: Ledger) -> tuple[KeepCredential, ...]:
    """In the very pass that lets the pool go, so that no crash falls in between."""
    owed = {key.provider for key in ledger.inside(KeyState.OWED) if is_with_provider(key)}
    return (KeepCredential(tuple(sorted(owed))),) if owed else ()


def an_empty_ledger_is_dropped(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Only after the pool is gone; tombstones stay for the administrator."""
    if o.pool is not None or plan.ledger.keys or plan.ledger.retained:
        return Decision("the ledger is still needed")
    if not o.may("publish", now):
        return Decision("deleting it failed a moment ago", wake_at=o.pause("publish", now))
    return Decision("nothing is owed any more", actions=(DropLedger(),))


def policy_of(o: Observation) -> str:
    """As the spec says; what the ledger remembers where there is no spec any more."""
    spec = o.pool.spec if o.pool is not None else None
    spec = spec or remembered_spec(o.ledger)
    return spec.deletion_policy if spec is not None else "Revoke"
