"""Rules about keys that are to be revoked. Only keys that this ledger created ever come here."""

from datetime import datetime

from keypool.core.actions import RevokeKey
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.rotated import with_end
from keypool.core.rotation import is_compromised
from keypool.core.rules.disabling import end_of_quiet, is_disabled_first
from keypool.core.rules.publication import secrets_unsettled
from keypool.core.trust import TOLERANCE, has_expired, look_again, time_is_trusted


def unneeded_keys_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """After the whole overlap out of the Secret; a compromised one at once. Never without a published active key.
    Where the provider can, they are disabled first."""
    reason = "suspended" if o.spec.suspend else secrets_unsettled(o, plan, now)
    if reason is not None:
        return Decision(reason)
    ledger = plan.ledger
    if not any(key.published_at for key in ledger.inside(KeyState.ACTIVE)):
        return Decision("no active key is published: nothing is revoked")
    draining = ledger.inside(KeyState.DRAINING)
    waiting = [key for key in draining if key.unpublished_at and not _is_wanted_back(o, key, now)]
    for key in waiting:
        if _may_be_revoked(o, key, now):
            first = is_disabled_first(o, key)
            ledger = with_end(ledger, key, end_of_overlap(o, key))
            ledger = ledger.advance(key.name, Evidence.DISUSED if first else Evidence.UNNEEDED)
    but = "" if time_is_trusted(o, now) else ", but the time is uncertain"
    return Decision(
        f"draining keys are revoked after their overlap{but}",
        ledger=ledger,
        wake_at=earliest(*(look_again(end_of_overlap(o, key), now) for key in waiting if key in ledger.keys)),
    )


def _may_be_revoked(o: Observation, key: KeyRecord, now: datetime) -> bool:
    return is_compromised(key) or (end_of_overlap(o, key) <= now and time_is_trusted(o, now))


def _is_wanted_back(o: Observation, key: KeyRecord, now: datetime) -> bool:
    """Its overlap begins when it is enabled again."""
    return key.enabling and not is_compromised(key) and not has_expired(o, key, now)


def keys_that_wait_for_the_clock(o: Observation, now: datetime) -> tuple[KeyRecord, ...]:
    """Draining and disabled keys that are kept only because the time cannot be trusted."""
    if time_is_trusted(o, now):
        return ()
    return tuple(
        key
        for key in o.ledger.inside(KeyState.DRAINING, KeyState.DISABLED)
        if not is_compromised(key) and not key.enabling
        if (end := end_of_retirement(o, key)) is not None
        if end <= now or (key.disabled_at or key.unpublished_at or now) > now + TOLERANCE
    )


def end_of_retirement(o: Observation, key: KeyRecord) -> datetime | None:
    """When a draining key's overlap ends, or a disabled one's quiet period; None while neither has begun."""
    if key.state is KeyState.DISABLED:
        return end_of_quiet(o, key)
    return end_of_overlap(o, key) if key.unpublished_at is not None else None


def end_of_overlap(o: Observation, key: KeyRecord) -> datetime:
    assert key.unpublished_at is not None  # noqa: S101
    return key.unpublished_at if is_compromised(key) else key.unpublished_at + o.effective.overlap_min


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
