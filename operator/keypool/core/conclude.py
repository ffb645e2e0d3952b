"""The status of a pool, concluded once from what is known at the end of a pass. Purely computational."""

from collections.abc import Iterable
from datetime import datetime

from keypool.api.duration import render
from keypool.api.pool_status import (
    ApiKeyPoolStatus,
    Binding,
    Counts,
    Effective,
    Handled,
    KeyStatus,
    LastRotation,
    NextRotation,
)
from keypool.api.status import Condition as ConditionModel
from keypool.core.asked import shown
from keypool.core.conditions import as_conditions, findings
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.projection import secret_names, usable
from keypool.core.reasons import Condition, Reason
from keypool.core.rotation import URGENT, Due, Why, rotation_due
from keypool.core.rules.creation import RETIRING
from keypool.core.rules.disabling import is_disabled_first
from keypool.core.rules.retirement import end_of_overlap, end_of_retirement
from keypool.core.rules.static import keys_come_from_people
from keypool.core.sees import spending_is_known
from keypool.core.situation import Finding


def conclude(
    o: Observation, problems: Iterable[Problem], before: Iterable[ConditionModel], now: datetime
) -> ApiKeyPoolStatus:
    """The whole status. Equal inputs give an equal status, whatever the time: nothing in it ticks."""
    pool, found, before = o.known_pool, findings(o, problems, now), tuple(before)
    ready = any(kind is Condition.READY and holds for kind, holds, _, _ in found)
    generations = {Condition.READY: o.ledger.satisfied_generation if ready else pool.generation}
    rotation = next_rotation(o)
    published = usable(o.ledger)
    primary = o.ledger.key(o.ledger.primary) if o.ledger.primary else None
    return ApiKeyPoolStatus(
        observed_generation=pool.generation,
        conditions=_with_spending(o, as_conditions(found, generations, pool.generation, before, now), before),
        next_action=_next_action(o, found, rotation),
        next_rotation=rotation,
        last_rotation=_last_rotation(o),
        keys_summary=f"{len(o.ledger.inside(KeyState.ACTIVE))}/{pool.spec.size}" if pool.spec else None,
        replicas=len(o.ledger.inside(KeyState.ACTIVE)),
        counts=_counts(o, len(published)),
        primary_fingerprint=primary.print if primary else None,
        keys=tuple(_key(o, key) for key in o.ledger.keys),
        binding=Binding(name=secret_names(pool.name, pool.spec)[0]) if pool.spec and published else None,
        handled=_handled(o.ledger),
        effective=Effective.model_validate(o.effective.as_status()) if pool.spec else None,
    )


def _with_spending(
    o: Observation, conditions: tuple[ConditionModel, ...], before: tuple[ConditionModel, ...]
) -> tuple[ConditionModel, ...]:
    """What was told of spending stands until it is known again: else each start would tell it anew."""
    if o.known_pool.spec is None or o.effective.limits.spend is None or spending_is_known(o):
        return conditions
    kept = tuple(condition for condition in before if condition.type == Condition.WITHIN_SPEND_LIMIT)
    return (*conditions[:4], *kept, *conditions[4:])


def _handled(ledger: Ledger) -> Handled | None:
    handled = Handled(
        rotate=shown(ledger.handled_rotate),
        compromised=shown(ledger.handled_compromised),
        clear_lost=shown(ledger.handled_cleared),
        abandon=shown(ledger.handled_abandon),
        undo_revoke=shown(ledger.handled_undo),
    )
    return handled if handled != Handled() else None


def _key(o: Observation, key: KeyRecord) -> KeyStatus:
    return KeyStatus(
        name=key.name,
        slot=key.slot,
        state=key.state.value,
        label=key.label,
        primary=key.name == o.ledger.primary,
        fingerprint=key.print,
        created_at=key.created_at,
        expires_at=key.expires_at if key.created_at and key.why != Why.SUPPLIED else None,
    )


def _counts(o: Observation, published: int) -> Counts:
    return Counts(
        published=published,
        draining=len(o.ledger.inside(KeyState.DRAINING)),
        disabled=len(o.ledger.inside(KeyState.DISABLED)),
        revoking=len(o.ledger.inside(KeyState.REVOKING)),
        unresolved=len(o.ledger.inside(KeyState.UNRESOLVED)),
        held=len(o.ledger.inside(KeyState.HELD)),
        owed=len(o.ledger.inside(KeyState.OWED)),
    )


def _last_rotation(o: Observation) -> LastRotation | None:
    """While the old key drains, its end is that of its overlap as it is now."""
    last = o.ledger.last_rotation
    if last is None:
        return None
    until, old = last.until, next((key for key in o.ledger.inside(KeyState.DRAINING) if key.print == last.old), None)
    if until is not None and old is not None and old.unpublished_at is not None:
        until = min(end_of_overlap(o, old), old.expires_at) if o.known_pool.spec is not None else until
    return LastRotation(
        at=last.at,
        slot=last.slot,
        reason=last.why,
        new_fingerprint=last.new,
        old_fingerprint=last.old,
        old_key_works_until=until,
    )


def next_rotation(o: Observation) -> NextRotation | None:
    """The next rotation that is due by itself; None while suspended, deleted or without keys."""
    pool = o.known_pool
    if pool.spec is None or pool.spec.suspend or pool.deleted_at is not None:
        return None
    dues = [(_due(o, key), key.slot) for key in o.ledger.inside(KeyState.ACTIVE)]
    if not dues:
        return None
    due, slot = min(dues)
    return NextRotation(at=due.at, slot=slot, why=_in_words(o, due))


def _due(o: Observation, key: KeyRecord) -> Due:
    """An ordinary rotation waits for the key that still drains, or is disabled, in the slot."""
    due = rotation_due(key, o.effective, o.template)
    ends = [end for old in o.ledger.of_slot(key.slot, *RETIRING) if (end := _end(o, old)) is not None]
    if due.why in URGENT or not ends:
        return due
    return Due(max(due.at, *ends), due.why)


def _end(o: Observation, key: KeyRecord) -> datetime | None:
    """When the key is to be deleted, as far as that is known."""
    end = end_of_retirement(o, key)
    first = end is not None and key.state is KeyState.DRAINING and is_disabled_first(o, key)
    return end + o.effective.quiet if end is not None and first else end


def _in_words(o: Observation, due: Due) -> str:
    if due.why is Why.INTERVAL:
        return f"every {render(o.effective.every)}"
    if due.why is Why.EXPIRY:
        return f"{render(o.effective.renew_before)} before expiry"
    return due.why.value


def _next_action(o: Observation, found: Iterable[Finding], rotation: NextRotation | None) -> str | None:
    by_kind = {kind: reason for kind, _, reason, _ in found}
    if Condition.STALLED in by_kind:
        return f"needs you: {by_kind[Condition.STALLED].value}"
    if o.known_pool.deleted_at is not None:
        slow = by_kind[Condition.REVOKED]
        what = "revoke, then go" if slow in (Reason.NOTHING_OUTSTANDING, Reason.REVOKING) else slow.value
        return f"{what}: {len(o.ledger.keys)} left"
    if o.spec.suspend:
        return "suspended"
    if Condition.RECONCILING in by_kind:
        reason = by_kind[Condition.RECONCILING]
        plain = reason in (Reason.CREATING_KEYS, Reason.UPDATING)
        return "create and publish keys" if plain else f"waiting: {reason.value}"
    ask = "ask to " if keys_come_from_people(o) else ""
    old = [(end, key) for key in o.ledger.inside(*RETIRING) if (end := end_of_retirement(o, key)) is not None]
    if old and (rotation is None or min(end for end, _ in old) <= rotation.at):
        end, key = min(old, key=lambda each: (each[0], each[1].slot))
        what = "disable" if key.state is KeyState.DRAINING and is_disabled_first(o, key) else "revoke"
        return f"{ask}{what} {'' if ask else 'old '}key {key.slot} at {_minute(end)}"
    return f"{ask}rotate slot {rotation.slot} at {_minute(rotation.at)}" if rotation else None


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ")
