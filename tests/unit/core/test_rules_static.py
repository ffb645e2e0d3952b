"""Keys that people make: values come and go with their Secret, and people are asked for what only they can do."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.actions import AddFinalizer, CreateKey, ProbeKey
from keypool.core.reasons import Reason
from keypool.core.rules import static
from keypool.core.supply import Supply, read_supply
from tests.unit.core.builders import (
    NOW,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    only,
    planned,
    rejected,
    seen,
    states,
)
from tests.unit.core.people import (
    CREATED,
    DRAINING,
    OWED,
    STATIC,
    WITHDRAWN,
    after,
    held,
    looked,
    made,
    printed,
    reasons,
    spec,
)

# -- taking


@pytest.mark.row("NONE", "SUPPLIED")
def test_a_new_value_is_proven_before_it_is_published() -> None:
    o = looked(supply=held("a"), pool=a_pool(spec=spec(), has_finalizer=False))
    plan = planned(o)
    (key,) = plan.ledger.keys
    assert (key.label, key.state, key.slot, key.handle, key.print) == ("a", CREATED, 0, None, printed("a"))
    assert not only(CreateKey, plan.actions)
    assert only(AddFinalizer, plan.actions)
    assert only(ProbeKey, planned(replace(o, ledger=plan.ledger)).actions) == [ProbeKey(key.name)]


def test_the_name_of_a_key_follows_from_its_value_and_shows_nothing_of_it() -> None:
    one, again = (planned(looked(supply=held("a-secret"))).ledger.keys[0].name for _ in range(2))
    assert one == again
    assert "a-secret" not in one
    assert one.startswith("kp.shop.web.inst.")


def test_a_good_value_takes_the_lowest_slot() -> None:
    o = looked(made("a", CREATED, 1), made("b", CREATED, 0), supply=held("a", "b"), checks=accepted("a", "b"))
    assert after(o) == {"a": "created", "b": "active"}


def test_values_beyond_the_size_are_spares_and_one_of_them_steps_in() -> None:
    keys = (made("a"), made("b", CREATED, 1))
    o = looked(*keys, supply=held("a", "b"), checks=accepted("b"))
    assert after(o) == {"a": "active", "b": "created"}
    bad = replace(o, checks={**accepted("b"), **rejected("a", times=3)})
    assert after(bad) == {"a": "draining", "b": "active"}


def test_a_published_value_that_was_rejected_and_replaced_is_a_spare_again() -> None:
    keys = (made("a", DRAINING), made("b"))
    assert after(looked(*keys, supply=held("a", "b"), checks=rejected("a"))) == {"a": "created", "b": "active"}


def test_a_rejected_value_is_told_by_entry_and_fingerprint_and_never_published() -> None:
    o = looked(made("a", CREATED), supply=held("a"), checks=rejected("a", times=1))
    plan = planned(o)
    (problem,) = [problem for problem in plan.problems if problem.reason is Reason.VALUE_REJECTED]
    assert f'entry "a" ({printed("a")})' in problem.message
    assert states(plan.ledger) == {"a": "created"}


@pytest.mark.row("DRAINING", "SUPPLIED")
@pytest.mark.row("OWED", "SUPPLIED")
@pytest.mark.parametrize("state", [DRAINING, OWED])
def test_a_value_that_people_put_back_is_proven_anew(state: Any) -> None:
    o = looked(made("a", state), made("b"), supply=held("a", "b"))
    key = planned(o).ledger.key("a")
    assert (key.state, key.slot, key.published_at, key.unpublished_at) == (CREATED, 1, None, None)


def test_a_compromised_value_that_still_stands_in_peoples_secret_does_not_come_back() -> None:
    o = looked(made("a", OWED, asked="compromised"), made("b"), supply=held("a", "b"))
    assert after(o) == {"a": "owed", "b": "active"}


def test_a_value_that_was_reported_compromised_is_not_published_by_putting_it_back() -> None:
    pool = a_pool(spec=spec(), compromised=printed("a"))
    ledger = a_ledger(made("b"), handled_compromised=printed("a"))
    taken = planned(looked(made("b"), supply=held("a", "b"), pool=pool, ledger=ledger)).ledger
    assert taken.keys[-1].asked == "compromised"
    again = looked(*taken.keys, supply=held("a", "b"), pool=pool, ledger=taken, checks=accepted(taken.keys[-1].name))
    assert after(again) == {"b": "active", "a": "owed"}


def test_a_value_under_another_entry_is_the_same_key() -> None:
    renamed = Supply("mine", {"new-entry": SecretStr("a")})
    assert after(looked(made("a"), supply=renamed)) == {"new-entry": "active"}


def test_a_full_ledger_takes_no_new_value() -> None:
    old = [made(f"k{number}", OWED) for number in range(static.MOST_KEYS)]
    assert "new" not in after(looked(*old, supply=held("new")))


# -- leaving


@pytest.mark.row("ACTIVE", "REMOVED")
@pytest.mark.row("WITHDRAWN", "REMOVED")
def test_a_removed_value_drains_while_another_key_is_live() -> None:
    keys = (made("a"), made("b", slot=1), made("c", WITHDRAWN, 1))
    o = looked(*keys, supply=held("b"), size=2)
    assert after(o) == {"a": "draining", "b": "active", "c": "draining"}


def test_the_last_live_key_stays_published_although_its_value_was_removed() -> None:
    o = looked(made("a"), supply=held("new"), checks=rejected("new"))
    assert after(o)["a"] == "active"
    told = looked(made("a"), made("new", CREATED, 1), supply=held("new"), checks=rejected("new", times=1))
    (problem,) = [problem for problem in planned(told).problems if problem.reason is Reason.VALUES_MISSING]
    assert printed("a") in problem.message


def test_a_removed_value_drains_when_its_successor_is_published() -> None:
    o = looked(made("a"), made("b", CREATED, 1), supply=held("b"), checks=accepted("b"))
    assert after(o) == {"a": "draining", "b": "active"}


@pytest.mark.row("CREATED", "REMOVED")
def test_a_spare_that_people_remove_is_forgotten() -> None:
    assert after(looked(made("a"), made("b", CREATED, 1), supply=held("a"))) == {"a": "active"}


def test_a_missing_secret_takes_nothing_away() -> None:
    gone = read_supply("mine", None)
    o = looked(made("a"), made("b", CREATED, 1), supply=gone)
    assert after(o) == {"a": "active", "b": "created"}
    assert reasons(o)[0] is Reason.KEYS_FROM_MISSING


def test_a_suspended_pool_takes_nothing_and_gives_nothing_up() -> None:
    o = looked(made("a"), made("b", slot=1), supply=held("b", "c"), pool=a_pool(spec=spec(2, suspend=True)))
    assert after(o) == {"a": "active", "b": "active"}


def test_a_compromised_key_leaves_at_once_where_another_is_live_and_is_to_be_revoked() -> None:
    pool = a_pool(spec=spec(2), compromised=printed("a"))
    o = looked(made("a"), made("b", slot=1), supply=held("a", "b"), pool=pool)
    plan = planned(o)
    assert after(o) == {"a": "draining", "b": "active"}
    out = plan.ledger.mark("a", unpublished_at=NOW)
    seen_out = looked(*out.keys, supply=held("a", "b"), pool=pool, ledger=out)
    assert after(seen_out) == {"a": "owed", "b": "active"}


def test_the_last_key_stays_published_although_it_is_compromised() -> None:
    pool = a_pool(spec=spec(), compromised=printed("a"))
    o = looked(made("a"), supply=held("a"), pool=pool)
    assert after(o) == {"a": "active"}
    assert Reason.VALUES_MISSING in reasons(o)


def test_a_compromised_spare_is_to_be_revoked() -> None:
    pool = a_pool(spec=spec(), compromised=printed("b"))
    assert after(looked(made("a"), made("b", CREATED, 1), supply=held("a", "b"), pool=pool))["b"] == "owed"


# -- specs that do not fit


@pytest.mark.parametrize(
    ("given", "provider", "reason", "field"),
    [
        (a_spec(), STATIC, Reason.SPEC_INVALID, "spec.keysFrom: a static provider has no key API"),
        (spec(), None, Reason.SPEC_INVALID, "spec.keysFrom: a holySheep provider makes the keys itself"),
        (spec(key={"scopes": ["chat"]}), STATIC, Reason.UNSUPPORTED, "spec.key.scopes"),
        (spec(deletionPolicy="RevokeAndWait"), STATIC, Reason.UNSUPPORTED, "spec.deletionPolicy"),
    ],
)
def test_a_spec_that_does_not_fit_its_provider_is_refused(given: Any, provider: Any, reason: Any, field: str) -> None:
    pool, supply = a_pool(spec=given), held("a") if given.keys_from else None
    facts = {} if provider is None else {"provider": provider}
    plan = planned(seen(pool=pool, supply=supply, **facts))
    assert plan.problems[0].reason is reason
    assert plan.problems[0].message.startswith(field)
    assert not plan.ledger.keys


# -- reading people's Secret


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("IA==", "is empty"),
        ("", "is empty"),
        ("YSBi", "printable ASCII without spaces"),
        ("YQBi", "not printable ASCII, as number 2 of 3"),
        ("w6Q=", "not printable ASCII, as number 1 of 1"),
        ("77u/YWI=", "begins with a byte order mark"),
        ("YWIKY2Q=", "has 2 lines"),
        ("QmVhcmVyIGFi", 'begins with a scheme, such as "Bearer"'),
        ("ImFiIg==", "stands in quotation marks"),
        ("/w==", "is not text"),
        ("YQ", "is not text"),
        ("YWFh" * 1366, "longer than 4096"),
        ("Z29vZA==", 'the same value as "good"'),
    ],
)
def test_a_malformed_value_is_named_by_its_entry_alone(text: str, why: str) -> None:
    supply = read_supply("mine", {"good": "Z29vZA==", "other": text})
    assert list(supply.values) == ["good"]
    (refused,) = supply.refused
    assert refused.startswith('entry "other" ')
    assert why in refused
    assert "good" not in repr(supply.values["good"])


def test_white_space_around_a_value_does_no_harm() -> None:
    assert read_supply("mine", {"a": "Z29vZAo="}).values["a"].get_secret_value() == "good"


@pytest.mark.parametrize("data", [None, {}, {"a": ""}])
def test_without_a_single_value_the_secret_counts_as_missing(data: Any) -> None:
    assert read_supply("mine", data).missing


def test_no_repr_shows_a_value() -> None:
    assert "a-secret-value" not in repr(held("a-secret-value"))
