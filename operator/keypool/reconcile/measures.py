"""What the metrics show of a pool, or of a provider object, from the status and the observation of a pass."""

from collections.abc import Iterable
from datetime import datetime

from keypool.api.pool_status import ApiKeyPoolStatus
from keypool.api.status import Condition as ConditionModel
from keypool.core.leaks import Leak
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.observation import Observation
from keypool.core.projection import usable
from keypool.core.reasons import Condition, Reason
from keypool.core.rotation import Why, renewal_due
from keypool.core.who import Who, who_acts
from keypool.serve.pools import PoolState

_ABNORMAL = frozenset({Condition.RECONCILING, Condition.STALLED})


def pool_state(
    o: Observation, status: ApiKeyPoolStatus, leak: Leak | None, before: PoolState | None, now: datetime
) -> PoolState:
    """`before` is what was shown until now: since when a rotation should be done stands in no ledger."""
    rotation = status.next_rotation
    due = rotation.at if rotation is not None else None
    abnormal = abnormal_of(status.conditions)
    first = _first_to_expire(o)
    return PoolState(
        ready=any(each.type == Condition.READY and each.status == "True" for each in status.conditions),
        next_rotation=due.timestamp() if due is not None else None,
        keys=tuple(key.state for key in o.ledger.keys),
        leaks=leak.count if leak is not None else 0,
        leaks_since=(leak.since or _since(status, Condition.REVOKED)).timestamp() if leak is not None else 0.0,
        published=status.counts.published if status.counts is not None else 0,
        wanted=o.known_pool.spec.size if o.known_pool.spec is not None else 0,
        conditions=abnormal,
        waits_for=_waits_for(o, abnormal),
        late=_late(status, before, now),
        last_rotation=status.last_rotation.at.timestamp() if status.last_rotation is not None else None,
        good_probe=_good_probe(o, before),
        expiry=first.expires_at.timestamp() if first is not None else None,
        renewal=_renewal(o, first),
        unknown=leak is not None and not leak.keys and leak.why.reason is Reason.COMPROMISED_UNKNOWN,
    )


def _waits_for(o: Observation, abnormal: tuple[tuple[str, str, str], ...]) -> str:
    """A suspended pool waits for whoever suspended it, whatever else it lacks."""
    spec = o.known_pool.spec
    if spec is not None and spec.suspend:
        return Who.OWNER
    return who_acts(abnormal, wide=spec is not None and spec.provider_ref.kind == "ClusterKeyProvider")


def _first_to_expire(o: Observation) -> KeyRecord | None:
    """Of the keys in the Secret. When keys expire that people made, nobody told us."""
    keys = [key for key in usable(o.ledger) if key.why != Why.SUPPLIED]
    return min(keys, key=lambda key: key.expires_at, default=None)


def _renewal(o: Observation, key: KeyRecord | None) -> float | None:
    if key is None or o.known_pool.spec is None:
        return None
    return renewal_due(key, o.effective).at.timestamp()


def failed_state(ledger: Ledger, told: Iterable[ConditionModel], before: PoolState | None) -> PoolState:
    """After a pass that failed."""
    known = before or PoolState(ready=False, next_rotation=None, keys=tuple(key.state for key in ledger.keys))
    abnormal = abnormal_of(told)
    return known._replace(ready=False, conditions=abnormal, waits_for=who_acts(abnormal, wide=False))


def abnormal_of(conditions: Iterable[ConditionModel]) -> tuple[tuple[str, str, str], ...]:
    """Names as they are declared, so that ten thousand pools share them."""
    return tuple(
        (Condition(each.type).value, each.status, Reason(each.reason).value)
        for each in conditions
        if each.type in _ABNORMAL or each.status != "True"
    )


def _late(status: ApiKeyPoolStatus, before: PoolState | None, now: datetime) -> tuple[int, float] | None:
    rotation = status.next_rotation
    if rotation is None or rotation.at is not None:
        return None
    if rotation.overdue_since is not None:
        return rotation.slot, rotation.overdue_since.timestamp()
    known = before.late if before is not None else None
    return known if known is not None and known[0] == rotation.slot else (rotation.slot, now.timestamp())


def _good_probe(o: Observation, before: PoolState | None) -> float | None:
    """What was known before stays while a key has no good answer, or none yet."""
    checks = [o.checks.get(key.name) for key in usable(o.ledger)]
    times = [check.at.timestamp() for check in checks if check is not None and check.accepted]
    if times and len(times) == len(checks):
        return min(times)
    return before.good_probe if before is not None else None


def _since(status: ApiKeyPoolStatus, kind: Condition) -> datetime:
    return next(condition.last_transition_time for condition in status.conditions if condition.type == kind)
