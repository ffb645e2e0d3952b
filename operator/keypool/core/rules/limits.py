"""The rule about limits that are changed in place."""

from datetime import datetime

from keypool.core.actions import UpdateKey
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation
from keypool.core.refusals import unsupported
from keypool.core.spending import limits_of


def limits_follow_the_spec(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Active keys whose limits are others than the spec's get them in place, where the provider can; elsewhere limits
    are part of the template, and a change rotates. A spending limit is less what the slot's keys had spent before."""
    if o.provider is None or o.provider_problem is not None or not o.provider.capabilities.changes_limits:
        return Decision("no provider that changes limits in place")
    if unsupported(o.spec, o.provider.kind, o.provider.capabilities) is not None:
        return Decision("the provider cannot do what the spec asks for")
    active = (key for key in plan.ledger.inside(KeyState.ACTIVE) if key.provider == o.provider.uid)
    odd = [key.name for key in active if key.limits != limits_of(o.effective.limits, key, now)]
    return Decision(
        f"{len(odd)} keys get other limits",
        actions=tuple(UpdateKey(name) for name in odd if o.may(f"update:{name}", now)),
        wake_at=earliest(*(o.pause(f"update:{name}", now) for name in odd)),
    )
