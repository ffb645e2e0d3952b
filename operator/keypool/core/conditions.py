"""The conditions of a pool, folded once from what is known at the end of a pass. Purely computational."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from keypool.api.status import Condition as ConditionModel
from keypool.core.brake import Grip
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.projection import usable
from keypool.core.reasons import Condition, Reason, Trouble
from keypool.core.rotation import Why
from keypool.core.rules.retirement import keys_that_wait_for_the_clock
from keypool.core.rules.static import ageing
from keypool.core.spending import crossed, fraction
from keypool.core.trust import has_expired, why_uncertain

Finding = tuple[Condition, bool | None, Reason, str]
"""Type, status (None for Unknown), reason, message."""

BRAKE = (
    "the provider rejects most keys of this account at once and yet lists them as active: nothing is created or "
    "withdrawn until it accepts one again"
)
LEAKS = (Reason.COMPROMISED_UNKNOWN, Reason.COMPROMISE_WAITS)
"""Told before all else that needs a person: whoever reported a leak takes it for dealt with."""
MESSAGE_LIMIT = 512
"""Characters of a condition's message."""
OTHERS_LIMIT = 150
"""Characters of each problem that is told after another one."""


def served(o: Observation, now: datetime) -> tuple[KeyRecord, ...]:
    """The published keys that are believed to be live; also one whose successor is not in the Secret yet. While the
    brake holds it is the provider that is not believed."""
    shown = [key for key in o.ledger.inside(KeyState.ACTIVE) if key.published_at]
    shown += [key for key in o.ledger.inside(KeyState.DRAINING) if _is_still_shown(o, key)]
    if o.grip is not Grip.FREE:
        shown += [key for key in usable(o.ledger) if key.state is KeyState.WITHDRAWN]
    return tuple(key for key in shown if not has_expired(o, key, now))


def _is_still_shown(o: Observation, key: KeyRecord) -> bool:
    return key.published_at is not None and key.unpublished_at is None and not _is_rejected(o, key)


def findings(o: Observation, problems: Iterable[Problem], now: datetime) -> tuple[Finding, ...]:
    """All conditions of a pool; Reconciling and Stalled only where they hold."""
    stalled = _stalled(o, tuple(problems))
    found = [_published(o, stalled), _healthy(o, now), _revoked(o, now)]
    if (ready := _ready(o, stalled, now)) is not None:
        found.insert(0, ready)
    if (spending := spending_finding(o)) is not None:
        found.append(spending)
    if stalled is not None:
        found.append((Condition.STALLED, True, stalled.reason, stalled.message))
    elif (progress := _reconciling(o)) is not None:
        found.append(progress)
    return tuple(found)


def _stalled(o: Observation, problems: tuple[Problem, ...]) -> Problem | None:
    """All that needs a person as one: the first gives the reason, the others are counted and told with theirs."""
    stalling = sorted((each for each in problems if each.stalls), key=lambda problem: problem.reason not in LEAKS)
    troubles = (trouble for _, trouble in sorted(o.troubles.items()) if trouble.needs_person)
    stalling += (Problem(trouble.reason, trouble.message) for trouble in troubles)
    known: dict[str, Problem] = {}
    for problem in stalling:
        known.setdefault(problem.message, problem)
    if len(known) < 2:
        return next(iter(known.values()), None)
    first, *others = known.values()
    texts = "; ".join(f"{each.reason.value}: {each.message}"[:OTHERS_LIMIT] for each in others)
    return Problem(first.reason, f"{first.message}; and {len(others)} more: {texts}"[:MESSAGE_LIMIT])


def _ready(o: Observation, stalled: Problem | None, now: datetime) -> Finding | None:
    """None for a pool that was suspended before it had a key: nothing is to become ready, so that what waits for a
    rollout must not wait for it (kstatus takes Ready other than True for progress)."""
    live, pool = served(o, now), o.known_pool
    if pool.deleted_at is not None:
        return Condition.READY, False, Reason.DELETING, "the pool is being deleted"
    if o.ledger.satisfied_generation is not None and live:
        but = f", but {stalled.reason.value} needs a person" if stalled is not None else ""
        return Condition.READY, True, Reason.KEYS_PUBLISHED, f"a live key is published{but}"
    if o.ledger.satisfied_generation is not None:
        return Condition.READY, False, Reason.NO_LIVE_KEY, "no published key is accepted by the provider"
    if stalled is not None:
        return Condition.READY, False, stalled.reason, stalled.message
    reason, message = _progress(o)
    return (Condition.READY, False, reason, message) if reason is not Reason.SUSPENDED else None


def _progress(o: Observation) -> tuple[Reason, str]:
    """Why the pool is not where it should be, while no person is needed."""
    if o.recovery is not None:
        return o.recovery.reason, o.recovery.message
    if o.known_pool.spec is not None and o.known_pool.spec.suspend:
        return Reason.SUSPENDED, "spec.suspend is true: no key is created"
    troubles = [o.troubles.get(activity) for activity in ("create", "publish", "cluster")]
    troubles += [trouble for activity, trouble in o.troubles.items() if activity.startswith(("probe:", "update:"))]
    trouble = next((trouble for trouble in troubles if trouble is not None), None)
    if trouble is not None:
        return trouble.reason, trouble.message
    if (outside := _outside(o)) is not None:
        return outside
    if o.grip is Grip.ENGAGED:
        return Reason.MOST_KEYS_REJECTED, BRAKE
    return Reason.CREATING_KEYS, f"keys are being created and checked; wanted: {o.spec.size}"


def _outside(o: Observation) -> tuple[Reason, str] | None:
    """What keeps the pool from having keys, although it is in order itself."""
    if (problem := o.refused or o.provider_problem) is not None:
        return problem.reason, problem.message
    if o.supply is None:
        return None
    if o.supply.missing:
        return Reason.KEYS_FROM_MISSING, o.supply.missing
    few = len(o.supply.values) < o.spec.size
    return (Reason.VALUES_MISSING, f"values: {len(o.supply.values)}, wanted: {o.spec.size}") if few else None


def _published(o: Observation, stalled: Problem | None) -> Finding:
    if o.known_pool.deleted_at is not None:
        return Condition.PUBLISHED, False, Reason.DELETING, "the Secrets go with the pool"
    shown, trouble = usable(o.ledger), o.contested or o.recovery or o.secret_problem or o.troubles.get("publish")
    if trouble is not None:
        return Condition.PUBLISHED, False, trouble.reason, trouble.message
    if not shown:
        reason = stalled.reason if stalled is not None else _progress(o)[0]
        return Condition.PUBLISHED, None, reason, "no key is ready to be published yet"
    if all(key.published_at for key in shown):
        return Condition.PUBLISHED, True, Reason.SECRETS_CURRENT, f"keys in the Secrets: {len(shown)}"
    return Condition.PUBLISHED, False, Reason.SECRETS_DIFFER, "the Secrets are being written"


def _healthy(o: Observation, now: datetime) -> Finding:
    if o.known_pool.deleted_at is not None:
        return Condition.HEALTHY, None, Reason.DELETING, "the keys are being revoked"
    if o.grip is Grip.ENGAGED:
        return Condition.HEALTHY, False, Reason.MOST_KEYS_REJECTED, BRAKE
    bad = [key for key in o.ledger.inside(KeyState.ACTIVE, KeyState.WITHDRAWN) if _is_rejected(o, key)]
    if bad:
        return Condition.HEALTHY, False, Reason.KEY_REJECTED, f"the provider rejects the key of slot {bad[0].slot}"
    trouble = o.troubles.get("create")
    if trouble is not None:
        return Condition.HEALTHY, False, trouble.reason, trouble.message
    size = o.known_pool.spec.size if o.known_pool.spec is not None else 0
    filled = len({key.slot for key in o.ledger.inside(KeyState.ACTIVE) if key.slot < size})
    if filled < size:
        return Condition.HEALTHY, False, Reason.SLOT_EMPTY, f"slots with a usable key: {filled} of {size}"
    return _ageing(o, now) or (
        Condition.HEALTHY,
        True,
        Reason.ALL_KEYS_ACCEPTED,
        "every published key was accepted when last checked",
    )


def _ageing(o: Observation, now: datetime) -> Finding | None:
    """People are asked for another key in time."""
    old = ageing(o, now) if o.known_pool.spec is not None else None
    if old is None:
        return None
    ends = (old.created_at or old.intended_at) + min(o.effective.lifetime, o.effective.every)
    when = "now" if old.asked else f"by {ends:%Y-%m-%d}"
    text = f'entry "{old.label}" ({old.print}) is to be replaced {when}: add another value, then remove it'
    return Condition.HEALTHY, False, Reason.KEY_AGEING, text


def _is_rejected(o: Observation, key: KeyRecord) -> bool:
    check = o.checks.get(key.name)
    return key.state is KeyState.WITHDRAWN or (check is not None and not check.accepted)


def _revoked(o: Observation, now: datetime) -> Finding:
    lost = o.ledger.inside(KeyState.UNRESOLVED, KeyState.HELD)
    if lost:
        text = f"create calls whose answer was lost: {len(lost)} (first: {lost[0].name})"
        return Condition.REVOKED, False, Reason.ANSWER_LOST, text
    if (owed := _owed(o)) is not None:
        return owed
    late = [(key, trouble) for key in o.ledger.keys if (trouble := _late(o, key)) is not None]
    if late:
        key, trouble = late[0]
        return Condition.REVOKED, False, Reason.REVOCATION_PENDING, f"{key.name}: {trouble.message}"
    if keys_that_wait_for_the_clock(o, now):
        return Condition.REVOKED, False, Reason.CLOCK_UNCERTAIN, why_uncertain(o, now)
    revoking = len(o.ledger.inside(KeyState.REVOKING))
    if revoking:
        return Condition.REVOKED, True, Reason.REVOKING, f"keys that are being revoked, as planned: {revoking}"
    return Condition.REVOKED, True, Reason.NOTHING_OUTSTANDING, "no revocation is outstanding"


def _owed(o: Observation) -> Finding | None:
    """What only a person can revoke."""
    owed = o.ledger.inside(KeyState.OWED)
    manual = [key.print or "" for key in owed if key.why == Why.SUPPLIED]
    if manual:
        text = f"revoke at the provider: {', '.join(manual)}; then annotate keypool.dev/revoked=FINGERPRINT"
        return Condition.REVOKED, False, Reason.MANUAL_REVOCATION, text
    if owed:
        text = f"keys that the provider refuses to revoke: {len(owed)} (first: {owed[0].name})"
        return Condition.REVOKED, False, Reason.REVOCATION_REFUSED, text
    return None


def spending_is_known(o: Observation) -> bool:
    """Not after a start, before all keys in use were read; never where only their last use is told."""
    if o.provider is not None and not o.provider.capabilities.tells_usage:
        return False
    return bool(o.readings) and all(key.name in o.readings for key in o.ledger.inside(KeyState.ACTIVE))


def spending_finding(o: Observation) -> Finding | None:
    """None where there is no limit, or nothing is known. It names a percentage of the spec's, and so stays still."""
    if o.known_pool.spec is None or (limit := o.effective.limits.spend) is None or not spending_is_known(o):
        return None
    used = fraction(o.ledger, limit, o.effective.size, o.usage)
    percent, whose = crossed(used, o.effective.alert_at), "the keys" if limit.shared else "the keys of a slot"
    if percent is None:
        text = f"{whose} spent less than {min(o.effective.alert_at)} % of the limit"
        return Condition.WITHIN_SPEND_LIMIT, True, Reason.SPENDING_LOW, text
    reason = Reason.SPEND_LIMIT_REACHED if percent == 100 else Reason.SPEND_LIMIT_NEAR
    return Condition.WITHIN_SPEND_LIMIT, False, reason, f"{whose} spent {percent} % or more of the limit"


def _late(o: Observation, key: KeyRecord) -> Trouble | None:
    """What keeps a key from being revoked or, before that, disabled."""
    activity = {KeyState.REVOKING: "revoke", KeyState.DISABLED: "disable"}.get(key.state)
    return o.troubles.get(f"{activity}:{key.name}")


def _reconciling(o: Observation) -> Finding | None:
    pool = o.known_pool
    if pool.deleted_at is not None:
        return Condition.RECONCILING, True, Reason.DELETING, "keys are being revoked"
    if o.recovery is not None:
        return Condition.RECONCILING, True, o.recovery.reason, o.recovery.message
    if o.ledger.satisfied_generation == pool.generation or (pool.spec is not None and pool.spec.suspend):
        return None
    reason, message = _progress(o)
    if reason is Reason.CREATING_KEYS and o.ledger.satisfied_generation is not None:
        reason, message = Reason.UPDATING, "keys are being brought up to date with the spec"
    return Condition.RECONCILING, True, reason, message


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
