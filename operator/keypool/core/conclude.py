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
    SettingWarning,
)
from keypool.api.status import Condition as ConditionModel
from keypool.core.asked import shown
from keypool.core.conditions import as_conditions, findings
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.projection import secret_names
from keypool.core.reasons import Condition, Reason
from keypool.core.rotation import Why
from keypool.core.rules.retirement import end_of_overlap
from keypool.core.sees_keys import spending_is_known
from keypool.core.standing import primary_in_the_secret, standing
from keypool.core.upcoming import next_action, next_rotation, upcoming
from keypool.core.warnings import granted_life, warnings
from keypool.core.wording import is_name


def conclude(
    o: Observation, problems: Iterable[Problem], before: Iterable[ConditionModel], now: datetime
) -> ApiKeyPoolStatus:
    """The whole status. Equal inputs give an equal status until the moment that it names is over: nothing in it ticks,
    and what is late says since when."""
    pool, found, before = o.known_pool, findings(o, problems, now), tuple(before)
    ready = any(kind is Condition.READY and holds for kind, holds, _, _ in found)
    generations = {Condition.READY: o.ledger.satisfied_generation if ready else pool.generation}
    rotation = upcoming(o, now)
    published, primary = standing(o), primary_in_the_secret(o)
    served = [key for key in published if key.state is KeyState.ACTIVE]
    leaks = any(reason is Reason.LEAK_NOT_CONTAINED for _, _, reason, _ in found)
    return ApiKeyPoolStatus(
        observed_generation=pool.generation,
        conditions=_with_spending(o, as_conditions(found, generations, pool.generation, before, now), before),
        next_action=next_action(o, found, rotation, now),
        next_rotation=next_rotation(o, rotation),
        last_rotation=_last_rotation(o),
        keys_summary=f"{len(served)}/{pool.spec.size}" if pool.spec else None,
        replicas=len(served),
        counts=_counts(o, len(published)),
        primary_fingerprint=primary.print if primary else None,
        keys=tuple(_key(key, primary) for key in o.ledger.keys),
        binding=Binding(name=secret_names(pool.name, pool.spec)[0]) if pool.spec and published else None,
        handled=_handled(o.ledger, contained=not leaks),
        effective=_effective(o) if pool.spec else None,
        warnings=tuple(SettingWarning(reason=each.reason.value, message=each.message) for each in warnings(o)) or None,
    )


def _with_spending(
    o: Observation, conditions: tuple[ConditionModel, ...], before: tuple[ConditionModel, ...]
) -> tuple[ConditionModel, ...]:
    """What was told of spending stands until it is known again: else each start would tell it anew."""
    if o.known_pool.spec is None or o.effective.limits.spend is None or spending_is_known(o):
        return conditions
    kept = tuple(condition for condition in before if condition.type == Condition.WITHIN_SPEND_LIMIT)
    return (*conditions[:4], *kept, *conditions[4:])


def _handled(ledger: Ledger, *, contained: bool) -> Handled | None:
    handled = Handled(
        rotate=shown(ledger.handled_rotate),
        compromised=shown(ledger.handled_compromised) if contained else None,
        clear_lost=shown(ledger.handled_cleared),
        abandon=shown(ledger.handled_abandon),
        undo_revoke=shown(ledger.handled_undo),
    )
    return handled if handled != Handled() else None


def _key(key: KeyRecord, primary: KeyRecord | None) -> KeyStatus:
    return KeyStatus(
        name=key.name,
        slot=key.slot,
        state=key.state.value,
        label=key.label if key.label is None or is_name(key.label) else f"({len(key.label)} characters)",
        primary=primary is not None and key.name == primary.name,
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


def _effective(o: Observation) -> Effective:
    granted = granted_life(o)
    facts = {"grantedLifetime": render(granted)} if granted is not None else {}
    return Effective.model_validate(o.effective.as_status() | facts)


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
