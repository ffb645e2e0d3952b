"""Tells the audit log what happened, with who asked for it. What stays as it is is told once in a leadership."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from keypool.cluster.announcer import Subject
from keypool.cluster.askers import SPEC, by, misplaced
from keypool.core import asked
from keypool.core.annotations import OF_POOLS, OF_PROVIDERS, stray
from keypool.core.audit.lines import (
    By,
    CredentialEvent,
    KeyEvent,
    LedgerEvent,
    Line,
    May,
    OrderEvent,
    SecretEvent,
    Spend,
    all_named,
)
from keypool.core.fingerprint import fingerprint
from keypool.core.history import KeyChange, changes
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.orders import ASKED_BY, DONE_BY, Order, carried_out, outstanding
from keypool.core.rotation import Why

Object = Mapping[str, Any]
LIMITS_CHANGED = "limits changed"


class Auditor:
    """`record` takes a line; `pool` is a pool's object by UID, as last seen."""

    def __init__(self, record: Callable[[Line], None], pool: Callable[[str], Object | None]) -> None:
        self._record, self._pool = record, pool
        self._told: dict[str, object] = {}

    def changed(self, before: Ledger, after: Ledger) -> None:
        """A ledger was written: what it says has happened. Orders come before what is done for them."""
        pool = self._pool(after.pool_uid)
        subject = Subject.of_ledger(after)
        for order in carried_out(before, after):
            self._order(subject, pool, order)
        for step, change in zip(after.steps, changes(after.steps), strict=True):
            may = _may(step.key, pool) if step.after is KeyState.CREATED else None
            self._record(_key_event(after, change, step.key, outcome="ok", may=may, who=_asked_by(pool, change)))
        limits = {key.name: key.limits for key in before.keys}
        for key in after.keys:
            if limits.get(key.name, key.limits) != key.limits:
                self._limits(after, key, pool)

    def _limits(self, ledger: Ledger, key: KeyRecord, pool: Object | None) -> None:
        change = KeyChange(key.name, key.slot, LIMITS_CHANGED, "the spec", "", key.print, key.provider)
        self._record(_key_event(ledger, change, key, outcome="ok", may=_may(key, pool), who=by(pool, SPEC)))

    def failed(self, ledger: Ledger, key: KeyRecord, call: str, outcome: str) -> None:
        """A call to the provider about a key came to nothing."""
        made_for = key.asked or key.why
        change = KeyChange(key.name, key.slot, f"{call} failed", "", made_for, key.print, key.provider)
        who = _asked_by(self._pool(ledger.pool_uid), change)
        self._record(_key_event(ledger, change, key, outcome=outcome, may=None, who=who))

    def orphaned(self, ledger: Ledger, print_: str) -> None:
        """A published key works and cannot be shown to be the pool's."""
        why = "published and accepted, but nothing pairs it with a handle of this pool"
        self._record(KeyEvent("not adopted", ledger.namespace, ledger.pool, ledger.pool_uid, "", print_, "", why))

    def ledger(self, ledger: Ledger, event: Any, why: str = "") -> None:  # noqa: ANN401 - one of LedgerEvent's
        """It was not as we left it."""
        self._record(LedgerEvent(event, ledger.namespace, ledger.pool, ledger.pool_uid, why))

    def unreadable(self, ledger: Ledger, why: str) -> None:
        """The ledger cannot be read, and is left alone."""
        if self._is_news(f"ledger/{ledger.pool_uid}", why):
            self.ledger(ledger, "unreadable", why)

    def secret(self, subject: Subject, names: Sequence[str], managers: Iterable[str], *, fought_over: bool) -> None:
        """Published Secrets were put right."""
        event: Any = "fought over" if fought_over else "repaired"
        told = all_named(managers)
        self._record(SecretEvent(event, subject.namespace, subject.name, subject.uid, tuple(names), told))

    def outstanding(self, o: Observation, ledger: Ledger, problems: Iterable[Problem], now: datetime) -> None:
        """Orders that wait, and annotations that do not exist: each once, until something about it changes."""
        pool = self._pool(ledger.pool_uid)
        if o.pool is None or pool is None or not pool.get("askers"):
            return
        subject, waiting = Subject.of_ledger(ledger), tuple(outstanding(o, ledger, problems, now))
        self._outstanding(subject, pool, (*waiting, *_odd(pool, OF_POOLS)))

    def odd(self, subject: Subject, obj: Object) -> None:
        """Annotations of a provider object that do not exist."""
        self._outstanding(subject, obj, _odd(obj, OF_PROVIDERS))

    def _outstanding(self, subject: Subject, obj: Object, orders: tuple[Order, ...]) -> None:
        place = f"orders/{subject.uid}"
        before = self._told.get(place)
        known = before if isinstance(before, frozenset) else frozenset[Order]()
        if orders:
            self._told[place] = frozenset(orders)
        else:
            self._told.pop(place, None)
        for order in orders:
            if order not in known:
                self._order(subject, obj, order)

    def confirmed(self, subject: Subject, obj: Object, annotation: str, token: str, outcome: str) -> None:
        """An annotation of a provider object was carried out, or had nothing to do."""
        value = asked.shown(asked.remembered(token, subject.uid)) or ""
        self._order(subject, obj, Order(annotation, value, "names nothing" if outcome else "taken", outcome))

    def _order(self, subject: Subject, obj: Object | None, order: Order) -> None:
        self._record(
            OrderEvent(
                kind=subject.kind,
                namespace=subject.namespace,
                name=subject.name,
                uid=subject.uid,
                annotation=order.annotation,
                value=order.value,
                decision=order.decision,
                outcome=order.outcome,
                keys=order.keys,
                by=by(obj, order.annotation),
            )
        )

    def credential(
        self, subject: Subject, obj: Object, in_use: SecretStr | None, wanted: SecretStr | None, problem: Problem | None
    ) -> None:
        """How a provider's credential stands: the one `in_use`, the one that is `wanted` instead, and the problem that
        needs a person."""
        now = fingerprint(in_use) if in_use is not None else ""
        reason = problem.reason.value if problem is not None else ""
        place, news = f"credential/{subject.uid}", (now, fingerprint(wanted) if wanted is not None else "", reason)
        before = self._told.get(place)
        if not (now or reason) or not self._is_news(place, news):
            return
        was = str(before[0]) if isinstance(before, tuple) else ""
        event: Any = "unusable" if reason else "changed" if was and was != now else "in use"
        about = fingerprint(wanted) if wanted is not None else now
        self._record(
            CredentialEvent(
                event=event,
                kind=subject.kind,
                namespace=subject.namespace,
                name=subject.name,
                uid=subject.uid,
                fingerprint=about,
                before=was if event == "changed" else now if about != now else "",
                reason=reason,
                why=problem.message if problem is not None else "",
                by=by(obj, SPEC),
            )
        )

    def forget(self, uid: str) -> None:
        """The object is gone."""
        for what in ("orders", "credential", "ledger"):
            self._told.pop(f"{what}/{uid}", None)

    def _is_news(self, place: str, news: object) -> bool:
        known, self._told[place] = self._told.get(place), news
        return known != news


def _odd(obj: Object, here: frozenset[str]) -> tuple[Order, ...]:
    names = misplaced(obj, here)
    return tuple(Order(name, "", "unknown", f"nothing is done for it: {stray(name, here)}") for name in names)


def _asked_by(pool: Object | None, change: KeyChange) -> By | None:
    if change.made_for == Why.SPEC:
        return by(pool, SPEC)
    annotation = DONE_BY.get(change.why) or ASKED_BY.get(change.made_for)
    return by(pool, annotation) if annotation is not None else None


def _may(key: KeyRecord, pool: Object | None) -> May:
    """Scopes stand in no ledger: they are the spec's, and a change of them makes another key."""
    spend, template = key.spend_limit, ((pool or {}).get("spec") or {}).get("key") or {}
    return May(
        expires=f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        scopes=all_named(map(str, template.get("scopes") or ())),
        models=all_named(key.models),
        requests_per_minute=key.requests_per_minute,
        spend=Spend(f"{spend.amount:f}", spend.period or "", spend.shared) if spend is not None else None,
    )


def _handle(key: KeyRecord) -> str:
    """Never where a provider's id has the value in it."""
    value = key.value.get_secret_value() if key.value is not None else None
    handle = key.handle or ""
    return f"({len(handle)} characters)" if value is not None and value in handle else handle


def _key_event(
    ledger: Ledger, change: KeyChange, key: KeyRecord, *, outcome: str, may: May | None, who: By | None
) -> KeyEvent:
    return KeyEvent(
        event=change.what,
        namespace=ledger.namespace,
        pool=ledger.pool,
        pool_uid=ledger.pool_uid,
        key=change.name,
        fingerprint=change.fingerprint or "",
        provider=change.provider,
        why=change.why,
        made_for=change.made_for,
        outcome=outcome,
        handle=_handle(key),
        slot=change.slot,
        may=may,
        by=who,
    )
