"""Rules about keys that are to be revoked. Only keys that this ledger created ever come here."""

from datetime import datetime

from keypool.core.actions import RevokeKey
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.rotation import Why
from keypool.core.rules.publication import secrets_unsettled


def unneeded_keys_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """After the whole overlap out of the Secret; a compromised one at once. Never without a published active key."""
    reason = "suspended" if o.spec.suspend else secrets_unsettled(o, plan, now)
    if reason is not None:
        return Decision(reason)
    ledger = plan.ledger
    if not any(key.published_at for key in ledger.inside(KeyState.ACTIVE)):
        return Decision("no active key is published: nothing is revoked")
    dates = {key.name: end_of_overlap(o, key) for key in ledger.inside(KeyState.DRAINING) if key.unpublished_at}
    for name, date in dates.items():
        if date <= now:
            ledger = ledger.advance(name, Evidence.UNNEEDED)
    return Decision(
        "draining keys are revoked after their overlap",
        ledger=ledger,
        wake_at=earliest(*(date for date in dates.values() if date > now)),
    )


def end_of_overlap(o: Observation, key: KeyRecord) -> datetime:
    assert key.unpublished_at is not None  # noqa: S101
    return key.unpublished_at if key.asked == Why.COMPROMISED else key.unpublished_at + o.effective.overlap_min


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
