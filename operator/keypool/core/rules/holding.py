"""Rules that keep hold of a pool that has keys: it must not go without us, and what its end is to be is remembered."""

from datetime import datetime
from typing import Any

from keypool.api.pool import ApiKeyPoolSpec
from keypool.core.actions import RestoreFinalizer
from keypool.core.decision import Decision, Plan
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation

FINALIZER = "finalizer"
"""The activity: each time that the finalizer is gone again before its pause is over, the pause grows."""
_OF_THE_END = {"size", "provider_ref", "secret", "deletion_policy"}


def the_finalizer_is_put_back(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Whatever else holds the pool up. `kubectl replace` takes finalizers off; a pool without ours would go with keys
    that nobody revokes. What is planned here holds up nothing else when it fails."""
    pause = o.pause(FINALIZER, now)
    if o.known_pool.has_finalizer or not plan.ledger.keys:
        return Decision("the finalizer is there, or not needed", wake_at=pause if FINALIZER in o.troubles else None)
    if pause is not None:
        return Decision("the finalizer was taken off again a moment after it was put back", wake_at=pause)
    return Decision("a pool with keys has no finalizer of ours", actions=(RestoreFinalizer(),))


def the_end_is_remembered(o: Observation, plan: Plan, now: datetime) -> Decision:
    """For when the pool goes without its finalizer, or its spec cannot be read any more. Plain Revoke needs nothing."""
    wanted = end_of(o.spec)
    if plan.ledger.end == wanted or not plan.ledger.keys:
        return Decision("what the pool's end is to be is known, or there is nothing to end")
    return Decision("the pool's end is to be another", ledger=plan.ledger.model_copy(update={"end": wanted}))


def end_of(spec: ApiKeyPoolSpec) -> dict[str, Any] | None:
    """What a ledger remembers: the policy, and what the Secrets are made from; None for Revoke."""
    if spec.deletion_policy == "Revoke":
        return None
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True, include=_OF_THE_END)


def remembered_spec(ledger: Ledger) -> ApiKeyPoolSpec | None:
    """As far as the pool's end needs it; None where the policy was Revoke."""
    return ApiKeyPoolSpec.model_validate(ledger.end) if ledger.end is not None else None
