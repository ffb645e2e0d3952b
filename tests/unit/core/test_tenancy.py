"""Who may use a provider of the cluster: selectors, order, limits by age, identities; and never anybody else."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.api.tenancy import LabelSelector, Tenant
from keypool.core.capabilities import Capabilities
from keypool.core.effective import Effective, effective
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Identity, Limits, SpendLimit
from keypool.core.observation import Problem
from keypool.core.roll import Holder
from keypool.core.tenancy import Applicant, counts_refused, grant, held_slots, selects, tenant_of
from tests.unit.core.builders import MINUTE, NOW, a_key, a_ledger, a_spec

SHOP = {"team": "shop", "env": "prod"}


def a_tenant(name: str = "shop", selector: Any = None, **fields: Any) -> Tenant:
    """A tenant as a manifest gives it; without a selector it is everybody."""
    return Tenant.model_validate({"name": name, "namespaceSelector": selector or {}, **fields})


def wishes(**fields: Any) -> Effective:
    """What a pool asks for."""
    return effective(a_spec(**fields), Capabilities())


def ask(*tenants: Tenant, labels: Any = None, wanted: Any = None, pools: tuple[Holder, ...] = ()) -> Identity | Problem:
    """What the pool `me` in the namespace `shop-a` gets."""
    applicant = Applicant("me", "shop-a", SHOP if labels is None else labels, wanted or wishes())
    return grant("shared", tenants, applicant, lambda _: pools)


def refusal(*tenants: Tenant, **asked: Any) -> tuple[str, str]:
    """Reason and message of a refusal."""
    answer = ask(*tenants, **asked)
    assert isinstance(answer, Problem)
    assert answer.stalls
    return answer.reason.value, answer.message


def a_pool_of(uid: str, size: int = 1, held: int = 0, age: int = 0, *, refused: bool = False) -> Holder:
    """A pool made `age` minutes ago."""
    return Holder(uid, NOW - age * MINUTE, size, held, refused)


EXPRESSION: list[tuple[dict[str, Any], bool]] = [
    ({"key": "team", "operator": "In", "values": ["shop", "bank"]}, True),
    ({"key": "team", "operator": "In", "values": ["bank"]}, False),
    ({"key": "none", "operator": "In", "values": ["shop"]}, False),
    ({"key": "team", "operator": "NotIn", "values": ["bank"]}, True),
    ({"key": "team", "operator": "NotIn", "values": ["shop"]}, False),
    ({"key": "none", "operator": "NotIn", "values": ["shop"]}, True),
    ({"key": "team", "operator": "Exists"}, True),
    ({"key": "none", "operator": "Exists"}, False),
    ({"key": "team", "operator": "DoesNotExist"}, False),
    ({"key": "none", "operator": "DoesNotExist"}, True),
]


@pytest.mark.parametrize(("expression", "holds"), EXPRESSION)
def test_an_expression_means_what_it_means_in_kubernetes(expression: Any, holds: bool) -> None:
    assert selects(LabelSelector.model_validate({"matchExpressions": [expression]}), SHOP) is holds


def test_all_of_a_selector_must_hold() -> None:
    expressions = [{"key": "env", "operator": "In", "values": ["prod"]}]
    selector = LabelSelector.model_validate({"matchLabels": {"team": "shop"}, "matchExpressions": expressions})
    assert selects(selector, SHOP)
    assert not selects(selector, {"team": "shop"})
    assert not selects(selector, {"env": "prod"})


def test_an_empty_selector_is_every_namespace() -> None:
    assert selects(LabelSelector(), {})


def test_without_tenants_nobody_is_served_and_the_message_says_what_an_administrator_does() -> None:
    reason, message = refusal()
    assert reason == "NotATenant"
    assert "namespace shop-a is no tenant of ClusterKeyProvider shared" in message
    assert "has to add a tenant whose namespaceSelector selects it" in message


def test_a_refusal_does_not_tell_who_the_tenants_are() -> None:
    assert "bank" not in refusal(a_tenant("bank", {"matchLabels": {"team": "bank"}}))[1]


def test_the_first_tenant_that_selects_the_namespace_decides() -> None:
    strict = a_tenant("strict", {"matchLabels": {"team": "shop"}}, limits={"maxLifetime": "1h"})
    assert refusal(strict, a_tenant("rest"))[0] == "TenantLimit"
    assert ask(a_tenant("rest"), strict) == Identity()
    assert ask(strict, a_tenant("rest"), labels={}) == Identity()


LIMITS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"maxLifetime": "24h"}, {"key": {"lifetime": "25h"}}, "spec.key.lifetime: 25h is in force, and 24h is allowed"),
    ({"maxLifetime": "24h"}, {}, "spec.key.lifetime: 720h is in force, and 24h is allowed"),
    (
        {"scopes": ["chat"]},
        {"key": {"scopes": ["chat", "files"]}},
        "spec.key.scopes: files is not allowed; allowed are",
    ),
    ({"scopes": ["chat"]}, {}, "spec.key.scopes: must be given; allowed are chat"),
    ({"models": ["a/b"]}, {"key": {"models": ["c"]}}, "spec.key.models: c is not allowed; allowed are a/b"),
    ({"models": ["a/b"]}, {}, "spec.key.models: must be given; allowed are a/b"),
    ({"spendLimit": {"required": True}}, {}, "spec.key.spendLimit: must be given ("),
    (
        {"spendLimit": {"maxAmount": "25"}},
        {"key": {"spendLimit": {"amount": "25.01"}}},
        "spec.key.spendLimit.amount: 25.01 is asked for, and 25 is allowed",
    ),
    ({"spendLimit": {"maxAmount": "25"}}, {}, "spec.key.spendLimit: must be given, with an amount of at most 25"),
    ({}, {"key": {"tags": ["others-budget"]}}, "spec.key.tags: must be left out, as tags may decide whose budget is"),
]


@pytest.mark.parametrize(("limits", "spec", "message"), LIMITS)
def test_what_a_tenant_may_not_have_is_refused_by_field_value_and_limit(limits: Any, spec: Any, message: str) -> None:
    reason, said = refusal(a_tenant(limits=limits), wanted=wishes(**spec))
    assert (reason, message in said) == ("TenantLimit", True), said
    assert "limits of tenant shop of ClusterKeyProvider shared" in said


ALLOWED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"maxLifetime": "24h"}, {"key": {"lifetime": "24h"}}),
    ({"scopes": ["chat", "files"]}, {"key": {"scopes": ["files"]}}),
    ({"models": ["a/b"]}, {"key": {"models": ["a/b"]}}),
    ({"spendLimit": {"required": True, "maxAmount": "25"}}, {"key": {"spendLimit": {"amount": "25"}}}),
    ({}, {"key": {"scopes": ["anything"], "models": ["any"], "lifetime": "8760h"}}),
    ({}, {"key": {"metadata": {"example.com/cost-centre": "4711"}}}),
]


@pytest.mark.parametrize(("limits", "spec"), ALLOWED)
def test_what_is_within_the_limits_is_granted(limits: Any, spec: Any) -> None:
    assert ask(a_tenant(limits=limits), wanted=wishes(**spec)) == Identity()


@pytest.mark.parametrize(("amount", "granted"), [("25", True), ("25.01", False), ("9.5", True)])
def test_a_spending_limit_is_compared_as_a_number(amount: str, granted: bool) -> None:
    wanted = replace(wishes(), limits=Limits(spend=SpendLimit(Decimal(amount))))
    answer = ask(a_tenant(limits={"spendLimit": {"maxAmount": "25"}}), wanted=wanted)
    assert (answer == Identity()) is granted


def test_the_oldest_pools_of_a_tenant_keep_their_place_and_the_uid_decides_between_equals() -> None:
    limits = a_tenant(limits={"pools": 2}).limits
    pools = (a_pool_of("new", age=1), a_pool_of("b", age=9), a_pool_of("a", age=9))
    refused = [pool.uid for pool in pools if counts_refused(limits, pool.uid, pools)]
    assert refused == ["new"]
    assert "this is pool 3 of the tenant, by age, and 2 are allowed" in (counts_refused(limits, "new", pools) or "")


def test_of_pools_of_the_same_second_those_that_hold_keys_keep_their_place() -> None:
    """Creations are dated to the second; the UID of the later one may be the smaller."""
    limits = a_tenant(limits={"pools": 1}).limits
    pools = (a_pool_of("a"), a_pool_of("b", held=1))
    assert [pool.uid for pool in pools if counts_refused(limits, pool.uid, pools)] == ["a"]


def test_a_pool_that_does_not_fit_is_refused_and_a_smaller_newer_one_may_fit() -> None:
    limits = a_tenant(limits={"keys": 5}).limits
    pools = (a_pool_of("old", 3, 3, age=9), a_pool_of("big", 4, 0, age=5), a_pool_of("small", 2, 0, age=1))
    assert counts_refused(limits, "old", pools) is None
    assert counts_refused(limits, "small", pools) is None
    said = counts_refused(limits, "big", pools) or ""
    assert said == "spec.size: 4 is asked for, and 2 of the tenant's 5 keys are free for this pool"


def test_a_pool_does_not_grow_into_what_newer_pools_hold() -> None:
    limits = a_tenant(limits={"keys": 5}).limits
    pools = (a_pool_of("grows", 4, 3, age=9), a_pool_of("newer", 2, 2, age=1))
    assert "spec.size: 4 is asked for, and 3 of the tenant's 5 keys" in (counts_refused(limits, "grows", pools) or "")
    assert counts_refused(limits, "newer", pools) is None


def test_what_a_refused_pool_holds_counts_on() -> None:
    limits = a_tenant(limits={"keys": 5}).limits
    pools = (a_pool_of("refused", 9, 3, age=9), a_pool_of("newer", 3, 0, age=1))
    assert counts_refused(limits, "newer", pools) is not None


def test_a_narrower_limit_stops_the_newest_first() -> None:
    pools = (a_pool_of("old", 5, 5, age=9), a_pool_of("new", 5, 5, age=1))
    assert [pool.uid for pool in pools if counts_refused(a_tenant(limits={"keys": 5}).limits, pool.uid, pools)] == [
        "new"
    ]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(0, 9)), max_size=6),
    st.integers(1, 12),
    st.integers(1, 6),
)
def test_a_new_pool_takes_nothing_from_the_older_ones(pools: Any, keys: int, count: int) -> None:
    limits = a_tenant(limits={"keys": keys, "pools": count}).limits
    before = tuple(a_pool_of(f"p{n}", size, min(held, size), age) for n, (size, held, age) in enumerate(pools))
    after = (*before, Holder("new", NOW + timedelta(minutes=1), 1, 0))
    for pool in before:
        assert (counts_refused(limits, pool.uid, before) is None) == (counts_refused(limits, pool.uid, after) is None)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), max_size=8), st.integers(1, 12))
def test_new_pools_together_never_get_more_keys_than_are_allowed(pools: Any, keys: int) -> None:
    limits = a_tenant(limits={"keys": keys}).limits
    new = tuple(a_pool_of(f"p{n}", size, 0, age) for n, (size, age) in enumerate(pools))
    assert sum(pool.size for pool in new if counts_refused(limits, pool.uid, new) is None) <= keys


def test_slots_count_as_held_until_their_last_key_drains() -> None:
    ledger: Ledger = a_ledger(
        a_key(0), a_key(0, KeyState.DRAINING), a_key(1, KeyState.INTENDED), a_key(2, KeyState.DRAINING)
    )
    assert held_slots(ledger) == 2


LABEL = {"team": {"fromNamespaceLabel": "example.com/team"}}


def test_an_identity_is_taken_as_written() -> None:
    assert ask(a_tenant(identity={"team": {"value": "t-1"}, "project": {"value": "p"}})) == Identity("t-1", project="p")


def test_an_identity_is_taken_from_a_label_of_the_namespace() -> None:
    assert ask(a_tenant(identity=LABEL), labels={"example.com/team": "t-7"}) == Identity(team="t-7")


@pytest.mark.parametrize(("value", "said"), [(None, "is missing"), ("", "is ''"), ("_x", "is '_x'")])
def test_a_label_that_is_no_id_is_refused_with_namespace_label_and_form(value: str | None, said: str) -> None:
    labels = {} if value is None else {"example.com/team": value}
    reason, message = refusal(a_tenant(identity=LABEL), labels=labels)
    assert reason == "TenantIdentity"
    assert (
        f"label example.com/team of namespace shop-a {said}: an administrator has to set it to the team's id" in message
    )
    assert "begins with a letter or digit" in message


VALUES = st.sampled_from(["a", "b", "", "-", "x\n"])
SOME_LABELS = st.dictionaries(st.sampled_from(["k", "l"]), VALUES, max_size=2)
SELECTORS = st.one_of(
    st.fixed_dictionaries({"matchLabels": st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from("ab"))}),
    st.builds(
        lambda key, operator, values: {"matchExpressions": [{"key": key, "operator": operator, "values": values}]},
        st.sampled_from(["k", "l"]),
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
        st.lists(st.sampled_from("ab"), max_size=2),
    ),
)


@given(st.lists(SELECTORS, max_size=4), SOME_LABELS, st.booleans())
def test_nobody_is_granted_anything_without_a_tenant_nor_ever_an_empty_identity(
    selectors: Any, labels: Any, labelled: bool
) -> None:
    identity = {"team": {"fromNamespaceLabel": "k"}} if labelled else {}
    tenants = tuple(a_tenant(f"t{n}", selector, identity=identity) for n, selector in enumerate(selectors))
    answer = ask(*tenants, labels=labels)
    if tenant_of(tenants, labels) is None:
        assert isinstance(answer, Problem)
    if isinstance(answer, Identity):
        assert (answer.team in {"a", "b"}) is labelled
