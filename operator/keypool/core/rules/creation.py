"""Rules about making keys: whether one may be made at all, and which slots get one."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from keypool.core.actions import AddFinalizer, CreateKey, DisableKey, PublishSecrets, RepeatCreate, RevokeKey
from keypool.core.brake import Grip
from keypool.core.capacity import fits, full
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord, Ledger, limit_facts
from keypool.core.lifecycle import KeyState
from keypool.core.limits import identity_digest
from keypool.core.naming import nonce, upstream_name
from keypool.core.observation import Observation, Problem
from keypool.core.pace import COUNTED, SLOWED, paced
from keypool.core.reasons import Reason
from keypool.core.refusals import unsupported
from keypool.core.rotation import URGENT, Due, Why, is_compromised, renewal_due, rotation_due, share_of_interval
from keypool.core.rules import lost
from keypool.core.rules.intents import begun, can_be_repeated
from keypool.core.rules.publication import publication_blocked
from keypool.core.spending import NOTHING, limits_of, spent_in_slot
from keypool.core.used_up import has_to_wait

REJECTIONS_THAT_STOP = 3
CROWDED = timedelta(seconds=30)
"""After this it is seen whether the namespace may have more keys made."""
SOON_DEAD = frozenset({Why.REJECTED, Why.COMPROMISED, Why.EXPIRY})
"""Why a key is made although the ledger is nearly full: else workloads would be without one."""
RETIRING = (KeyState.DRAINING, KeyState.DISABLED)
ON_THE_WAY = (KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.CREATED)

_GRANTED = {Why.COMPROMISED: 0, Why.REJECTED: 1, Why.EXPIRY: 1}
"""The order in which create calls are granted, see `core.turns.Rank`."""


def lost_creates_are_repeated(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Where the value was ours to choose, the same call again makes no second key, and tells what became of the first.

    What is in flight is finished, so also for a suspended pool. Its dates begin anew: it may make the key only now.
    """
    again = [key for key in plan.ledger.inside(KeyState.UNRESOLVED) if can_be_repeated(o, key)]
    if not again:
        return Decision("no lost create call can be made again")
    if (problem := _unsupported(o)) is not None:
        return Decision(problem.message)
    if (reason := "refused" if o.refused is not None else _not_now(o, plan, now)) is not None:
        return Decision(reason, wake_at=earliest(o.pause("create", now), o.pause("publish", now)))
    ledger, dates = plan.ledger, {"intended_at": now, "expires_at": now + longest_life(o.effective.lifetime)}
    ripe = [key for key in again if o.may(f"repeat:{key.name}", now)]
    for key in ripe:
        ledger = ledger.mark(key.name, epoch=o.epoch, begun_at=begun(o, key), **dates)
    return Decision(
        f"{len(ripe)} lost create calls are made again",
        ledger=ledger,
        actions=tuple(RepeatCreate(key.name) for key in ripe),
        wake_at=earliest(*(o.pause(f"repeat:{key.name}", now) for key in again)),
    )


def slots_get_keys(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Empty slots first, then urgent replacements, then `maxSurge` ordinary rotations; within the bound."""
    dues = {slot: due for slot in range(o.effective.size) if (due := _due(o, plan.ledger, slot, now)) is not None}
    ripe = sorted(((due, slot) for slot, due in dues.items() if due.at <= now), key=_urgency)
    wake_at = earliest(*(due.at for due in dues.values() if due.at > now))
    if (problem := _minting_stopped(o, plan.ledger)) is not None:
        return Decision(problem.message, problems=(problem,), wake_at=wake_at)
    problems = lost.stopped_slots(o, plan.ledger, now)
    if (no_room := full(plan.ledger, o.effective.limits.models)) is not None:
        problems = (*problems, no_room)
    wake_at = earliest(wake_at, _a_person_is_asked(o, plan.ledger, now) if problems else None)
    stopped = o.spec.suspend or o.refused is not None
    if (reason := "suspended, or refused" if stopped else _not_now(o, plan, now)) is not None:
        pauses = (o.pause("create", now), o.pause("publish", now)) if ripe else ()
        return Decision(reason, problems=problems, wake_at=earliest(wake_at, *pauses))
    chosen = _within_limits(o, plan.ledger, ripe)
    wake_at = earliest(wake_at, now + CROWDED if len(_within_the_namespace(o, ripe)) < len(ripe) else None)
    intents = [_intent(o, slot, due.why, index, now) for index, (due, slot) in enumerate(chosen)]
    ledger = plan.ledger
    for record in intents:
        ledger = ledger.intend(record)
    return Decision(
        f"{len(ripe)} slots are due, {len(chosen)} get a key",
        ledger=ledger,
        actions=tuple(CreateKey(record.name) for record in intents),
        problems=problems,
        wake_at=wake_at,
    )


def the_finalizer_comes_first(o: Observation, plan: Plan, now: datetime) -> Decision:
    """No create call before the pool holds our finalizer: it must not vanish without us."""
    if o.known_pool.has_finalizer or not any(isinstance(each, CreateKey | RepeatCreate) for each in plan.actions):
        return Decision("the finalizer is there, or not needed")
    return Decision("a key is about to be created", actions=(AddFinalizer(),))


def _minting_stopped(o: Observation, ledger: Ledger) -> Problem | None:
    if (problem := _unsupported(o)) is not None:
        return problem
    if ledger.rejected_in_a_row >= REJECTIONS_THAT_STOP:
        text = f"{ledger.rejected_in_a_row} new keys in a row were rejected by the provider, so no more are made"
        return Problem(Reason.NEW_KEYS_REJECTED, text)
    return None


def _unsupported(o: Observation) -> Problem | None:
    return unsupported(o.spec, o.provider.kind, o.provider.capabilities) if o.provider is not None else None


def _not_now(o: Observation, plan: Plan, now: datetime) -> str | None:
    """Why no create call is made in this pass, None when one may be made."""
    if o.provider is None or o.provider_problem is not None or o.grip is not Grip.FREE:
        return "the provider cannot be used, or the brake holds"
    if publication_blocked(o) is not None:
        return "the Secrets cannot be written"
    if not o.may("create", now) or not o.may("publish", now):
        return "the last create call, or a write to the cluster, failed; waiting"
    if any(isinstance(action, RevokeKey | DisableKey | PublishSecrets) for action in plan.actions):
        return "creating never shares a pass with retiring"
    return None


def _due(o: Observation, ledger: Ledger, slot: int, now: datetime) -> Due | None:
    """When the slot should get a key, None while one is on the way or it has to wait: a slot that used up its limit
    until that begins anew, which the rule about periods wakes for. While an old key is retiring
    there, and once its key is about to expire, only that counts."""
    if ledger.of_slot(slot, *ON_THE_WAY) or has_to_wait(o, ledger, slot, now):
        return None
    due = _wanted(o, ledger, slot, now)
    return lost.next_try(o, ledger, slot, due, now) if due is not None else None


def _wanted(o: Observation, ledger: Ledger, slot: int, now: datetime) -> Due | None:
    """The same, as if no answer had been lost."""
    active = ledger.of_slot(slot, KeyState.ACTIVE)
    if not active:
        withdrawn = ledger.of_slot(slot, KeyState.WITHDRAWN)
        if any(_may_be_good(o, key) for key in withdrawn):
            return None
        due = Due(o.started_at, Why.REJECTED if withdrawn else Why.SLOT_EMPTY)
        return paced(due, slot, None, o.last_keys, o.floor)
    last, by_people = active[-1], active[-1].why == Why.SUPPLIED
    due = Due(last.intended_at, Why.SPEC) if by_people else due_of(o, last)
    if due.why in URGENT:
        return due
    renewal = renewal_due(last, o.effective)
    if renewal.at <= now or ledger.of_slot(slot, *RETIRING):
        return renewal
    return due if _is_read(o, active) else Due(max(due.at, o.started_at + o.effective.probe_every), due.why)


def due_of(o: Observation, key: KeyRecord) -> Due:
    """When an active key is due. That its provider object was made anew, nobody said in the pool's spec."""
    due = rotation_due(key, o.effective, o.template)
    is_another = o.provider is not None and o.provider.uid != key.provider
    if due.why is Why.SPEC and is_another and o.ledger.satisfied_generation == o.known_pool.generation:
        due = Due(due.at, Why.PROVIDER)
    return paced(due, key.slot, key, o.last_keys, o.floor)


def _may_be_good(o: Observation, key: KeyRecord) -> bool:
    """It was rejected while the brake held, which does not count: it is asked about once more before it is replaced."""
    check = o.checks.get(key.name)
    return check is not None and not check.accepted and check.rejections == 0


def _is_read(o: Observation, keys: Iterable[KeyRecord]) -> bool:
    """Whether it is known what a new key may spend. After a start, readings come within one interval of probes."""
    limit = o.effective.limits.spend
    needed = limit is not None and not limit.shared and o.provider and o.provider.capabilities.tells_usage
    return not needed or all(key.name in o.readings for key in keys)


def _a_person_is_asked(o: Observation, ledger: Ledger, now: datetime) -> datetime | None:
    at = lost.find_out_by(o, ledger.inside(KeyState.HELD), now)
    return at if at > now else None


def _urgency(item: tuple[Due, int]) -> tuple[int, datetime, int]:
    due, slot = item
    order = [Why.SLOT_EMPTY, Why.COMPROMISED, Why.REJECTED, Why.EXPIRY]
    return (order.index(due.why) if due.why in order else len(order), due.at, slot)


def _within_limits(o: Observation, ledger: Ledger, ripe: list[tuple[Due, int]]) -> list[tuple[Due, int]]:
    rotating = {key.slot for key in ledger.inside(*ON_THE_WAY) if ledger.of_slot(key.slot, KeyState.ACTIVE)}
    surge, room, models = o.effective.max_surge - len(rotating), _room(o, ledger), o.effective.limits.models
    fitting = {urgent: min(room, fits(ledger, models, urgent=urgent)) for urgent in (False, True)}
    unknown = lost.most_in_a_pool(o) - len(ledger.inside(*lost.UNKNOWN))
    chosen: list[tuple[Due, int]] = []
    for due, slot in _within_the_namespace(o, ripe):
        ordinary, last = due.why not in URGENT, lost.last_chance(o, ledger, slot) if unknown <= 0 else None
        if (
            len(chosen) >= fitting[due.why in SOON_DEAD]
            or (ordinary and surge <= 0)
            or (len(chosen) >= unknown and last is None)
        ):
            continue
        surge -= ordinary
        chosen.append((due, slot))
    if o.creates is not None:  # what was granted for a compromised or expiring key is for that one
        chosen = sorted(chosen, key=lambda item: _GRANTED.get(item[0].why, len(_GRANTED)))[: o.creates]
    return chosen


def _within_the_namespace(o: Observation, ripe: list[tuple[Due, int]]) -> list[tuple[Due, int]]:
    counted = [item for item in ripe if item[0].why in COUNTED]
    late = set(counted[o.room :]) if o.room is not None else set()
    return [item for item in ripe if item not in late]


def _room(o: Observation, ledger: Ledger) -> int:
    """How many keys may be made. One at least while no slot has a key: what is over the bound drains only after it."""
    served = any(key.slot < o.spec.size for key in ledger.inside(KeyState.ACTIVE, *ON_THE_WAY))
    return max(bound(o, ledger) - len(ledger.keys), 0 if served else 1)


def bound(o: Observation, ledger: Ledger) -> int:
    """The most keys that the ledger may have: 2·size + maxSurge, and one more for each held or compromised key, and for
    each that is to be revoked and is disabled already: it is not live."""
    extra = sum(_widens_the_bound(key) for key in ledger.keys)
    return 2 * o.effective.size + o.effective.max_surge + extra


def _widens_the_bound(key: KeyRecord) -> bool:
    dead = key.state in (KeyState.REVOKING, KeyState.OWED) and key.disabled_at is not None
    return dead or key.state is KeyState.HELD or is_compromised(key)


def _intent(o: Observation, slot: int, why: Why, index: int, now: datetime) -> KeyRecord:
    assert o.provider is not None  # noqa: S101
    spec = o.effective
    name = upstream_name(o.known_pool.namespace, o.known_pool.name, o.installation, nonce(o.entropy, index))
    record = KeyRecord(
        name=name,
        slot=slot,
        state=KeyState.INTENDED,
        provider=o.provider.uid,
        template=o.template,
        why=why.value,
        epoch=o.epoch,
        share=share_of_interval(why, slot, spec.size, name),
        intended_at=now,
        expires_at=now + longest_life(spec.lifetime),
        carried=_spent_before_it(o, slot),
        carried_in=o.ledger.spending.period,
        identity=identity_digest(o.identity),
    )
    return record.model_copy(update=limit_facts(limits_of(spec.limits, record, now)))


def _spent_before_it(o: Observation, slot: int) -> Decimal:
    """What a new key may not spend any more. Where a limit cannot be raised again with the next period, it is whole."""
    limit = o.effective.limits.spend
    assert o.provider is not None  # noqa: S101
    if limit is None or limit.shared or not (limit.period is None or o.provider.capabilities.changes_limits):
        return NOTHING
    return spent_in_slot(o.ledger, o.usage, slot)


def longest_life(lifetime: timedelta) -> timedelta:
    """The longest that a key asked for with this lifetime can live: providers round up to days; calls take time."""
    return timedelta(days=math.ceil(lifetime / timedelta(days=1)), hours=1)


def _makes_none(o: Observation) -> bool:
    pool = o.known_pool
    if pool.spec is None or pool.deleted_at is not None or pool.spec.suspend or o.refused is not None:
        return True
    return o.provider is None or not o.provider.capabilities.creates_keys


def waits_for_its_turn(o: Observation, now: datetime) -> Problem | None:
    """That a new key which people want is made later, because they want too many: None when all are made now."""
    if _makes_none(o):
        return None
    dues = [(due, slot) for slot in range(o.effective.size) if (due := _due(o, o.ledger, slot, now)) is not None]
    late = [(due.at, slot) for due, slot in dues if due.why in SLOWED and due.at > now]
    if late:
        at, slot = min(late)
        text = f"one key a minute is made for a slot on request: slot {slot} gets its next one at {at:%H:%M:%S}Z"
        return Problem(Reason.NEW_KEYS_PACED, text, stalls=False)
    ripe = [(due, slot) for due, slot in dues if due.at <= now]
    if waiting := len(ripe) - len(_within_the_namespace(o, ripe)):
        what = "1 key of this pool waits" if waiting == 1 else f"{waiting} keys of this pool wait"
        text = f"namespace {o.known_pool.namespace} had too many keys made in the last ten minutes; {what}"
        return Problem(Reason.NEW_KEYS_PACED, text, stalls=False)
    return None
