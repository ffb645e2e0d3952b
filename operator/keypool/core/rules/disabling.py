"""Rules about keys that are disabled before they are revoked, where the provider can: a mistake can be undone."""

from datetime import datetime, timedelta

from keypool.core.actions import Action, DisableKey, EnableKey
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.rotation import is_compromised
from keypool.core.trust import has_expired, look_again, time_is_trusted


def is_disabled_first(o: Observation, key: KeyRecord) -> bool:
    """Whether this key, out of the Secret for the whole overlap, is to be disabled before it is revoked."""
    return (
        o.provider is not None
        and key.provider == o.provider.uid
        and o.provider.capabilities.disables_keys
        and o.effective.quiet > timedelta(0)
        and not is_compromised(key)
        and not key.enabling
    )


def quiet_keys_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """After the whole quiet period since it was proven disabled; a compromised one at once, and one whose life is over:
    it may be one that cannot be proven disabled."""
    if o.spec.suspend:
        return Decision("suspended")
    ledger, disabled = plan.ledger, plan.ledger.inside(KeyState.DISABLED)
    for key in disabled:
        if is_compromised(key) or is_quiet(o, key, now) or has_expired(o, key, now):
            ledger = ledger.advance(key.name, Evidence.QUIET)
    ends = (end_of_quiet(o, key) or key.expires_at for key in ledger.inside(KeyState.DISABLED))
    return Decision(
        "disabled keys are revoked after their quiet period",
        ledger=ledger,
        wake_at=earliest(*(look_again(end, now) for end in ends)),
    )


def is_quiet(o: Observation, key: KeyRecord, now: datetime) -> bool:
    """Whether the quiet period is certainly over."""
    end = end_of_quiet(o, key)
    return end is not None and end <= now and time_is_trusted(o, now)


def end_of_quiet(o: Observation, key: KeyRecord) -> datetime | None:
    """When a disabled key may be revoked; None until it is proven disabled."""
    return key.disabled_at + o.effective.quiet if key.disabled_at is not None else None


def switches_are_carried_out(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Disabled keys until they are proven so, those that are wanted back until the provider has enabled them."""
    off = [key for key in plan.ledger.inside(KeyState.DISABLED) if key.disabled_at is None]
    on = [key for key in plan.ledger.inside(KeyState.DRAINING) if key.enabling]
    due: list[tuple[str, Action]] = [(f"disable:{key.name}", DisableKey(key.name)) for key in off]
    due += [(f"enable:{key.name}", EnableKey(key.name)) for key in on]
    return Decision(
        f"{len(off)} keys are to be disabled, {len(on)} to be enabled",
        actions=tuple(action for activity, action in due if o.may(activity, now)),
        wake_at=earliest(*(o.pause(activity, now) for activity, _ in due)),
    )
