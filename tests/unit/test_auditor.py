"""Who asked for what, and what was decided, is told to the audit log once, and never with a value."""

from typing import Any

import pytest
from pydantic import SecretStr

from keypool.cluster.announcer import Subject
from keypool.cluster.askers import askers
from keypool.cluster.keeping import kept_object, with_status
from keypool.core.annotations import COMPROMISED, ROTATE
from keypool.core.audit.lines import By, CredentialEvent, KeyEvent, Line, OrderEvent, body
from keypool.core.ledger import Ledger, limit_facts
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.limits import Limits
from keypool.core.observation import Observation, Problem
from keypool.core.plan import plan
from keypool.core.reasons import Reason
from keypool.reconcile.auditor import Auditor
from tests.unit.core.builders import NOW, a_key, a_ledger, a_pool, a_spec, seen

VALUE = "sk-0123456789abcdefghijklmnopq"


def entry(manager: str, time: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    """One of managedFields."""
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields, **more}


def of_annotation(name: str) -> dict[str, Any]:
    """What its owner owns."""
    return {"f:metadata": {"f:annotations": {".": {}, f"f:{name}": {}}}}


def a_pool_object(annotations: dict[str, str], *managed: dict[str, Any]) -> dict[str, Any]:
    """A pool as the API server sends it."""
    meta = {
        "name": "web",
        "namespace": "shop",
        "uid": "pool-1",
        "resourceVersion": "17",
        "managedFields": list(managed),
    }
    return {
        "kind": "ApiKeyPool",
        "metadata": {**meta, "annotations": annotations},
        "spec": {"key": {"scopes": ["a:b"]}},
    }


class Heard:
    """An auditor of one pool, and what it told."""

    def __init__(self, annotations: dict[str, str] | None = None, *managed: dict[str, Any]) -> None:
        self.lines: list[Line] = []
        self.pool = kept_object(a_pool_object(annotations or {}, *managed))
        self.auditor = Auditor(self.lines.append, lambda _: self.pool)

    def orders(self) -> list[OrderEvent]:
        """What people asked for."""
        return [line for line in self.lines if isinstance(line, OrderEvent)]

    def keys(self) -> list[KeyEvent]:
        """What happened to keys."""
        return [line for line in self.lines if isinstance(line, KeyEvent)]


def decided(o: Observation) -> Ledger:
    """The ledger as the plan has it."""
    return plan(o, NOW).ledger


def test_the_newest_manager_of_an_annotation_is_who_asked() -> None:
    heard = Heard(
        {ROTATE: "now"},
        entry("argocd", "2026-11-24T08:00:00Z", of_annotation(ROTATE)),
        entry("kubectl-annotate", "2026-11-24T08:59:00Z", of_annotation(ROTATE)),
        entry("kubectl-edit", "2026-11-24T08:59:59Z", {"f:spec": {"f:size": {}}}),
    )
    before = a_ledger(a_key(0))
    heard.auditor.changed(before, decided(seen(ledger=before, pool=a_pool(rotate="now", spec=a_spec(size=1)))))
    (order,) = heard.orders()
    assert (order.annotation, order.value, order.decision, order.keys) == (ROTATE, "now", "taken", ("active-0",))
    assert order.by == By("kubectl-annotate", "Update", "2026-11-24T08:59:00Z", "17")


def test_who_changed_what_keys_may_do_is_not_who_changed_the_size() -> None:
    key: dict[str, Any] = {"f:spec": {"f:key": {"f:rateLimit": {}}}}
    managed = [
        entry("terraform", "2026-11-24T08:00:00Z", key),
        entry("hpa", "2026-11-24T09:00:00Z", {"f:spec": {"f:size": {}}}),
    ]
    heard, before = Heard({}, *managed), a_ledger(a_key(0))
    heard.auditor.changed(before, before.mark("active-0", **limit_facts(Limits(60))))
    (line,) = heard.keys()
    assert (line.event, line.key, line.outcome) == ("limits changed", "active-0", "ok")
    assert line.by is not None
    assert line.by.manager == "terraform"
    assert line.may is not None
    assert line.may.requests_per_minute == 60


def test_a_status_is_nobodys_order() -> None:
    managed = [entry("somebody", "2026-11-24T08:00:00Z", {"f:spec": {}}, subresource="status")]
    assert askers({"managedFields": managed}) == {}


def test_a_leaked_value_in_the_annotation_is_told_by_its_key_alone() -> None:
    heard, before = Heard({COMPROMISED: VALUE}), a_ledger(a_key(0, value=SecretStr(VALUE)))
    heard.auditor.changed(before, decided(seen(ledger=before, pool=a_pool(compromised=VALUE, spec=a_spec(size=1)))))
    (order,) = heard.orders()
    assert (order.value, order.decision, order.keys) == (f"{len(VALUE)} characters", "taken", ("active-0",))
    assert VALUE not in str([body(line) for line in heard.lines])


@pytest.mark.parametrize("request_", ["kp.nothing.of.ours.0123456789", "all"])
def test_an_order_that_names_no_key_is_told_with_what_is_wrong(request_: str) -> None:
    heard, before = Heard({COMPROMISED: request_}), a_ledger(a_key(0))
    heard.auditor.changed(before, decided(seen(ledger=before, pool=a_pool(compromised=request_))))
    (order,) = heard.orders()
    assert (order.decision, order.keys) == ("names nothing", ())
    assert "it names no such key in: " in order.outcome


def test_an_order_is_told_before_what_is_done_for_it() -> None:
    request = "active-0!now@today"
    heard, before = Heard({COMPROMISED: request}), a_ledger(a_key(0))
    heard.auditor.changed(before, decided(seen(ledger=before, pool=a_pool(compromised=request))))
    assert [line.audit for line in heard.lines][:2] == ["order", "key"]


def outstanding(heard: Heard, **pool: Any) -> list[OrderEvent]:
    """What is told, beside what was told before, where nothing is done for the pool."""
    o = seen(ledger=a_ledger(a_key(0)), pool=a_pool(**pool))
    known = len(heard.orders())
    heard.auditor.outstanding(o, o.ledger, (), NOW)
    return heard.orders()[known:]


@pytest.mark.parametrize(
    ("pool", "decision", "why"),
    [
        ({"spec": a_spec(suspend=True)}, "waits", "spec.suspend is true"),
        ({"spec": None, "spec_error": "bad"}, "waits", "the pool's spec cannot be read"),
        ({"deleted_at": NOW}, "refused", "the pool is being deleted, and so are its keys"),
    ],
)
def test_an_order_that_waits_is_told_once_with_the_reason(pool: dict[str, Any], decision: str, why: str) -> None:
    heard = Heard({ROTATE: "now"}, entry("kubectl", "2026", of_annotation(ROTATE)))
    (order,) = outstanding(heard, rotate="now", **pool)
    assert (order.decision, order.outcome, order.value) == (decision, why, "now")
    assert outstanding(heard, rotate="now", **pool) == []
    (again,) = outstanding(heard, rotate="later", **pool)
    assert again.value == "later"


def test_a_leaked_value_in_an_annotation_that_waits_is_not_repeated() -> None:
    heard = Heard({COMPROMISED: VALUE}, entry("kubectl", "2026", of_annotation(COMPROMISED)))
    (order,) = outstanding(heard, compromised=VALUE, spec=a_spec(suspend=True))
    assert (order.value, order.decision) == (f"{len(VALUE)} characters", "waits")
    assert VALUE not in str(body(order))


def test_an_order_that_is_taken_and_begins_later_says_when() -> None:
    old = a_key(0, KeyState.DRAINING, name="old")
    ledger = a_ledger(a_key(0, asked="Requested".lower()), old, handled_rotate="now")
    heard = Heard({ROTATE: "now"}, entry("kubectl", "2026", of_annotation(ROTATE)))
    o = seen(ledger=ledger, pool=a_pool(rotate="now"))
    heard.auditor.outstanding(o, ledger, (), NOW)
    (order,) = heard.orders()
    assert (order.decision, order.value) == ("postponed", "now")
    assert order.outcome.startswith("slot 0, not before 2026-11-24T09:")


@pytest.mark.parametrize("name", ["keypool.dev/Rotate", "keypool.dev/rotate-now", "keypool.dev/compromise"])
def test_an_annotation_that_does_not_exist_is_told_once(name: str) -> None:
    heard = Heard({name: VALUE})
    (order,) = outstanding(heard)
    assert (order.annotation, order.value, order.decision) == (name, "", "unknown")
    assert outstanding(heard) == []


def test_a_value_in_the_name_of_an_annotation_is_not_repeated() -> None:
    heard = Heard({"keypool.dev/" + VALUE: "x"})
    (order,) = outstanding(heard)
    assert order.annotation == f"keypool.dev/({len(VALUE)} characters)"


def test_a_pool_of_which_nobody_asks_anything_has_no_line() -> None:
    heard = Heard({}, entry("kubectl", "2026", {"f:spec": {"f:size": {}}}))
    assert outstanding(heard) == []


def test_requests_that_a_ledger_that_was_made_anew_counts_as_done_are_not_called_carried_out() -> None:
    heard = Heard({ROTATE: "now"})
    before = Ledger(pool_uid="pool-1", namespace="shop", pool="web")
    anew = before.adopt(a_key(0)).model_copy(update={"handled_rotate": "now"})
    heard.auditor.changed(before, anew)
    (order,) = heard.orders()
    assert (order.decision, order.keys) == ("taken for done", ())


def test_what_a_key_may_do_stands_beside_its_creation() -> None:
    intended = a_key(0, KeyState.INTENDED, name="k", models=("gpt-4o",))
    before = a_ledger(intended)
    heard = Heard()
    heard.auditor.changed(before, before.advance("k", Evidence.ANSWERED, handle="h-1", value=SecretStr(VALUE)))
    (line,) = heard.keys()
    assert line.may is not None
    assert (line.handle, line.may.scopes, line.may.models) == ("h-1", ("a:b",), ("gpt-4o",))
    assert line.may.expires == "2026-12-24T09:00:00Z"


def test_a_providers_id_that_has_the_value_in_it_is_not_repeated() -> None:
    heard, before = Heard(), a_ledger(a_key(0, handle=f"id:{VALUE}", value=SecretStr(VALUE)))
    heard.auditor.changed(before, before.advance("active-0", Evidence.SUPERSEDED))
    (line,) = heard.keys()
    assert line.handle == f"({len(VALUE) + 3} characters)"


def credentials(*states: tuple[str | None, str | None, Reason | None]) -> list[CredentialEvent]:
    """What is told while a provider's credential stands so, one after the other."""
    heard, obj = Heard(), {"metadata": {"name": "p", "resourceVersion": "3"}}
    for in_use, wanted, reason in states:
        heard.auditor.credential(
            Subject("KeyProvider", "shop", "p", "uid"),
            obj,
            SecretStr(in_use) if in_use else None,
            SecretStr(wanted) if wanted else None,
            Problem(reason, "it is refused") if reason else None,
        )
    return [line for line in heard.lines if isinstance(line, CredentialEvent)]


def test_a_credential_is_told_when_it_comes_into_use_is_refused_and_is_replaced() -> None:
    refused = Reason.CREDENTIAL_REJECTED
    told = credentials(
        ("one", None, None), ("one", None, None), ("one", "two", refused), ("one", "two", refused), ("two", None, None)
    )
    assert [line.event for line in told] == ["in use", "unusable", "changed"]
    one, two = told[0].fingerprint, told[2].fingerprint
    assert (told[1].fingerprint, told[1].before, told[1].reason) == (two, one, refused.value)
    assert told[2].before == one != two


def test_a_credential_that_nobody_looked_at_yet_is_no_news() -> None:
    assert credentials((None, None, None)) == []


def test_who_asked_is_kept_of_an_object_and_never_sent_back() -> None:
    obj = kept_object(a_pool_object({ROTATE: "now"}, entry("kubectl", "2026", of_annotation(ROTATE))))
    assert obj["askers"] == {ROTATE: "kubectl\tUpdate\t2026"}
    assert set(with_status(obj, {"conditions": []})) == {"kind", "metadata", "spec", "status"}


@pytest.mark.parametrize(
    "fields", [None, [], "x", {"f:metadata": None}, {"f:metadata": {"f:annotations": []}}, {"f:spec": 1}]
)
def test_odd_managed_fields_tell_nothing(fields: Any) -> None:
    assert askers({"annotations": {ROTATE: "x"}, "managedFields": [entry("m", "2026", fields)]}) == {}


def test_a_manager_is_repeated_in_one_line_unless_it_may_be_a_key() -> None:
    managed = [entry(f"a\tb\n{VALUE}", "2026", of_annotation(ROTATE))]
    told = askers({"annotations": {ROTATE: "x"}, "managedFields": managed})[ROTATE]
    assert told.count("\t") == 2
    assert VALUE not in told
