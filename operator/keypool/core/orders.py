"""What people asked for by annotation and what became of it, as the audit log tells it. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from keypool.core import asked
from keypool.core.annotations import ABANDON, CLEARED, COMPROMISED, REVOKED, ROTATE, UNDO
from keypool.core.audit.lines import Decision
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence
from keypool.core.observation import Observation, PoolFacts, Problem
from keypool.core.rotation import Why
from keypool.core.upcoming import next_rotation, upcoming


@dataclass(frozen=True, slots=True)
class Order:
    """An annotation; its value as it may be shown; what was decided, and why or what follows; and for which keys."""

    annotation: str
    value: str
    decision: Decision
    outcome: str = ""
    keys: tuple[str, ...] = ()


_HANDLED = {
    ROTATE: ("handled_rotate", None),
    COMPROMISED: ("handled_compromised", "unmatched"),
    CLEARED: ("handled_cleared", "not_cleared"),
    ABANDON: ("handled_abandon", "not_abandoned"),
    UNDO: ("handled_undo", "not_undone"),
    REVOKED: ("handled_revoked", "not_revoked"),
}
_DONE = {
    CLEARED: Evidence.CLEARED,
    ABANDON: Evidence.ABANDONED,
    UNDO: Evidence.UNDONE,
    REVOKED: Evidence.ACKNOWLEDGED,
}
_ASKED = {ROTATE: Why.REQUESTED, COMPROMISED: Why.COMPROMISED}
ASKED_BY = {Why.REQUESTED.value: ROTATE, Why.COMPROMISED.value: COMPROMISED}
"""Why a key is made or replaced, and the annotation that asks for it."""
DONE_BY = {evidence.value: annotation for annotation, evidence in _DONE.items()}
"""What is learnt about a key because an annotation says so."""


def carried_out(before: Ledger, after: Ledger) -> Iterator[Order]:
    """What was read since the last write of the ledger; `after` has the steps since."""
    anew = _is_made_anew(before, after)
    for annotation, (handled, unknown) in _HANDLED.items():
        value = getattr(after, handled)
        if value is None or value == getattr(before, handled):
            continue
        left = getattr(after, unknown) if unknown is not None else ()
        keys = () if anew else tuple(_keys(annotation, before, after))
        text = "it stood there when the ledger was made anew, and is not carried out: ask again" if anew else ""
        decision: Decision = "taken for done" if anew else _decision(annotation, keys, left)
        yield Order(annotation, asked.shown(value) or "", decision, text or _unknown(left), keys)


def _is_made_anew(before: Ledger, after: Ledger) -> bool:
    """As `core.recovery` does it."""
    adopted = any(step.evidence is Evidence.ADOPTED for step in after.steps)
    return adopted or after.revision > before.revision or not (before.revision or after.steps)


def _decision(annotation: str, keys: tuple[str, ...], left: tuple[str, ...]) -> Decision:
    if left:
        return "taken in part" if keys else "names nothing"
    return "taken" if keys or annotation in _ASKED else "names nothing"


def _unknown(left: tuple[str, ...]) -> str:
    return f"it names no such key in: {'; '.join(left)}" if left else ""


def _keys(annotation: str, before: Ledger, after: Ledger) -> Iterable[str]:
    """Those that it was carried out on."""
    if annotation in _DONE:
        return [step.key.name for step in after.steps if step.evidence is _DONE[annotation]]
    known = {key.name: _marks(key) for key in before.keys}
    why = _ASKED[annotation]
    return [key.name for key in after.keys if key.asked == why and known.get(key.name) != _marks(key)]


def _marks(key: KeyRecord) -> tuple[object, ...]:
    return key.asked, key.reported_at, key.at_once


def outstanding(o: Observation, ledger: Ledger, problems: Iterable[Problem], now: datetime) -> Iterator[Order]:
    """What waits: an annotation that was not read, and one that was and begins later. `ledger`: as decided."""
    pool = o.pool
    if pool is None:
        return
    told = tuple(problem for problem in (o.recovery, *problems) if problem is not None)
    for annotation, request in _requests(pool):
        handled = getattr(ledger, _HANDLED[annotation][0])
        if not asked.is_handled(request, handled, ledger.pool_uid):
            names = None if annotation == ROTATE else ledger.keys
            value = asked.shown(asked.remembered(request, pool.uid, names)) or ""
            yield Order(annotation, value, *_why_not(pool, told))
    if (later := _postponed(o, ledger, now)) is not None:
        yield later


def _requests(pool: PoolFacts) -> Iterator[tuple[str, str]]:
    values = (pool.rotate, pool.compromised, pool.cleared, pool.abandon, pool.undo, pool.revoked)
    return ((name, value) for name, value in zip(_HANDLED, values, strict=True) if value)


def _why_not(pool: PoolFacts, problems: tuple[Problem, ...]) -> tuple[Decision, str]:
    if pool.deleted_at is not None:
        return "refused", "the pool is being deleted, and so are its keys"
    if pool.spec is None:
        return "waits", "the pool's spec cannot be read"
    if pool.spec.suspend:
        return "waits", "spec.suspend is true"
    first = next(iter(problems), None)
    return "waits", f"{first.reason.value}: {first.message}" if first is not None else "it was not looked at yet"


def _postponed(o: Observation, ledger: Ledger, now: datetime) -> Order | None:
    """A rotation that people asked for and that cannot begin now."""
    if not any(key.asked for key in ledger.keys):
        return None
    found = upcoming(o, now)
    annotation = ASKED_BY.get(found.why) if found is not None and not found.under_way else None
    following = next_rotation(o, found) if annotation is not None else None
    if following is None or annotation is None:
        return None
    when = f"not before {following.at:%Y-%m-%dT%H:%M:%SZ}" if following.at is not None else "as soon as it can be"
    value = asked.shown(getattr(ledger, _HANDLED[annotation][0])) or ""
    return Order(annotation, value, "postponed", f"slot {following.slot}, {when}: {following.why}")
