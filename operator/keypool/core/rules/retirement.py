"""Rules about keys that are to be revoked. Only keys that this ledger created ever come here."""

from datetime import datetime

from keypool.core.actions import RevokeKey
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.rotation import Why
from keypool.core.rules.publication import secrets_unsettled
from keypool.core.trust import TOLERANCE, look_again, time_is_trusted


def unneeded_keys_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """After the whole overlap out of the Secret; a compromised one at once. Never without a published active key."""
    reason = "suspended" if o.spec.suspend else secrets_unsettled(o, plan, now)
    if reason is not None:
        return Decision(reason)
    ledger = plan.ledger
    if not any(key.published_at for key in ledger.inside(KeyState.ACTIVE)):
        return Decision("no active key is published: nothing is revoked")
    waiting = [key for key in ledger.inside(KeyState.DRAINING) if key.unpublished_at]
    for key in waiting:
        if _may_be_revoked(o, key, now):
            ledger = ledger.advance(key.name, Evidence.UNNEEDED)
    but = "" if time_is_trusted(o, now) else ", but the time is uncertain"
    return Decision(
        f"draining keys are revoked after their overlap{but}",
        ledger=ledger,
        wake_at=earliest(*(look_again(end_of_overlap(o, key), now) for key in waiting if key in ledger.keys)),
    )


def _may_be_revoked(o: Observation, key: KeyRecord, now: datetime) -> bool:
    return _is_compromised(key) or (end_of_overlap(o, key) <= now and time_is_trusted(o, now))


def keys_that_wait_for_the_clock(o: Observation, now: datetime) -> tuple[KeyRecord, ...]:
    """Draining keys that are kept only because the time cannot be trusted."""
    if time_is_trusted(o, now):
        return ()
    odd = now + TOLERANCE
    return tuple(
        key
        for key in o.ledger.inside(KeyState.DRAINING)
        if key.unpublished_at and not _is_compromised(key)
        if end_of_overlap(o, key) <= now or key.unpublished_at > odd
    )


def end_of_overlap(o: Observation, key: KeyRecord) -> datetime:
    assert key.unpublished_at is not None  # noqa: S101
    return key.unpublished_at if _is_compromised(key) else key.unpublished_at + o.effective.overlap_min


def _is_compromised(key: KeyRecord) -> bool:
    return key.asked == Why.COMPROMISED


def revocations_are_carried_out(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Also those that an earlier leadership began, and those that a person was asked for."""
    due = plan.ledger.inside(KeyState.REVOKING) + tuple(
        key for key in plan.ledger.inside(KeyState.OWED) if key.handle is not None
    )
    ripe = tuple(RevokeKey(key.name) for key in due if o.may(f"revoke:{key.name}", now))
    return Decision(
        f"{len(ripe)} keys are to be revoked",
        actions=ripe,
        wake_at=earliest(*(o.pause(f"revoke:{key.name}", now) for key in due)),
    )
