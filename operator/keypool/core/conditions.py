"""The conditions of an object, as the API takes them. What they say is decided in `core.situations`."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from keypool.api.status import Condition as ConditionModel
from keypool.core.annotations import OF_POOLS, strays
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Condition
from keypool.core.sight import MESSAGE_LIMIT, Sight
from keypool.core.situation import Finding, fold, with_note
from keypool.core.situations import SITUATIONS


def findings(o: Observation, problems: Iterable[Problem], now: datetime) -> tuple[Finding, ...]:
    """All conditions of a pool; Reconciling and Stalled only where they hold."""
    found = fold(SITUATIONS, Sight(o, tuple(problems), now))
    return with_note(found, strays(o.pool.strays if o.pool is not None else (), OF_POOLS))


def as_conditions(
    found: Iterable[Finding],
    generations: Mapping[Condition, int | None],
    generation: int,
    before: Iterable[ConditionModel],
    now: datetime,
) -> tuple[ConditionModel, ...]:
    """Conditions for the API. `lastTransitionTime` moves only when `status` changes."""
    known = {condition.type: condition for condition in before}
    return tuple(
        ConditionModel(
            type=kind.value,
            status=_STATUS[holds],
            reason=reason.value,
            message=message[:MESSAGE_LIMIT],
            observed_generation=generations.get(kind, generation),
            last_transition_time=_since(known.get(kind.value), _STATUS[holds], now),
        )
        for kind, holds, reason, message in found
    )


_STATUS: Mapping[bool | None, str] = {True: "True", False: "False", None: "Unknown"}


def _since(before: ConditionModel | None, status: str, now: datetime) -> datetime:
    return before.last_transition_time if before is not None and before.status == status else now
