"""A slot that used up its spending limit gets no new key that people could buy a call with, and does not keep its place
in the Secret while another slot has something left."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from keypool.core.ledger import Spending
from keypool.core.lifecycle import KeyState
from keypool.core.limits import SpendLimit
from keypool.core.orders import outstanding
from tests.unit.core.builders import (
    DAY,
    MINUTE,
    NOW,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    planned,
    seen,
)
from tests.unit.core.test_rules_spending import MIDNIGHT, TELLS, limited, read, within

# -- a slot that has nothing left


def used(*, asked: str | None = "requested", amount: float = 10, **facts: Any) -> Any:
    """A pool whose one key is to be replaced, and has spent so much of ten dollars."""
    key = a_key(0, name="a", asked=asked)
    given = {"pool": limited(), "provider": TELLS, "readings": read(a=amount), "checks": accepted("a"), **facts}
    return seen(ledger=a_ledger(key, spending=Spending(period=MIDNIGHT)), **given)


def begun(o: Any, now: datetime = NOW) -> list[str]:
    """Why keys are made."""
    return [key.why for key in planned(o, now).ledger.inside(KeyState.INTENDED)]


@pytest.mark.parametrize(("amount", "made"), [(9.99, ["requested"]), (9.995, []), (10, []), (12, [])])
def test_with_nothing_left_to_spend_no_key_is_made_however_often_people_ask(amount: float, made: list[str]) -> None:
    assert begun(used(amount=amount)) == made


@pytest.mark.parametrize("facts", [{"template": "other"}, {"expires_at": NOW + MINUTE}, {"created_at": NOW - 40 * DAY}])
def test_nor_is_one_for_another_spec_an_expiry_or_an_interval(facts: Any) -> None:
    """All of them follow from what a tenant writes into the pool."""
    ledger = a_ledger(a_key(0, name="a", **facts), spending=Spending(period=MIDNIGHT))
    assert begun(replace(used(), ledger=ledger)) == []
    assert begun(replace(used(amount=1), ledger=ledger))


def test_nor_for_a_slot_that_lost_its_key_and_spent_all_before() -> None:
    gone = a_ledger(spending=Spending(period=MIDNIGHT, departed={0: Decimal(10)}))
    assert begun(replace(used(), ledger=gone)) == []


def test_a_key_that_leaked_is_replaced_all_the_same() -> None:
    assert begun(used(asked="compromised")) == ["compromised"]


def test_when_the_limit_begins_anew_what_was_asked_for_is_done() -> None:
    o, tomorrow = used(), MIDNIGHT + DAY
    assert planned(o).wake_at <= tomorrow
    turned = replace(o, ledger=planned(o, tomorrow).ledger)
    assert begun(turned, tomorrow) == ["requested"]


def test_a_limit_that_is_raised_lets_the_rotation_go_on() -> None:
    assert begun(used(pool=limited(amount="11"))) == ["requested"]


@pytest.mark.parametrize(("key", "made"), [(None, []), (a_key(1, name="b"), ["slot empty"])])
def test_a_slot_without_a_key_gets_one_in_a_new_period_although_not_all_that_was_spent_before_is_known(
    key: Any, made: list[str]
) -> None:
    """As after a start: that another slot's key was not read yet must not leave this one empty."""
    spec = a_spec(size=2, key={"spendLimit": {"amount": "10", "period": "Daily"}})
    spent = Spending(period=MIDNIGHT if key is None else MIDNIGHT - DAY, departed={0: Decimal(10), 1: Decimal(10)})
    ledger = a_ledger(*([key] if key is not None else []), spending=spent)
    o = seen(ledger=ledger, pool=a_pool(spec=spec), provider=TELLS, checks=accepted("b"))
    assert begun(o) == made
    assert [each.limits.spend for each in planned(o).ledger.inside(KeyState.INTENDED)] == [
        o.effective.limits.spend for _ in made
    ], "the whole limit"


@pytest.mark.parametrize(
    ("period", "in_place", "enforced", "made"),
    [
        ("Daily", False, None, ["spec changed"]),
        ("Daily", False, 100, ["spec changed"]),
        ("Daily", False, 20, []),
        ("Daily", True, 100, []),
        (None, False, 11, ["spec changed"]),
        (None, False, 10, []),
    ],
)
def test_a_key_that_may_spend_more_than_is_asked_for_now_is_replaced_where_its_limit_cannot_be_changed(
    *, period: Any, in_place: bool, enforced: int | None, made: list[str]
) -> None:
    """A limit that is given, or lowered, below what was spent holds at once. In small steps that buys no calls."""
    provider = replace(TELLS, capabilities=replace(TELLS.capabilities, changes_limits=in_place))
    limit = SpendLimit(Decimal(enforced), period) if enforced is not None else None
    key = a_key(0, name="a", template="other", spend_limit=limit)
    ledger = a_ledger(key, spending=Spending(period=MIDNIGHT if period else None))
    assert begun(replace(used(amount=50, provider=provider, pool=limited(period=period)), ledger=ledger)) == made


def ready(o: Any) -> str:
    """What Ready says; it is True."""
    [told] = [each for each in concluded(o).conditions if each.type == "Ready"]
    assert told.status == "True"
    return str(told.message)


def test_who_asks_is_told_until_when_it_waits_and_why() -> None:
    status, told = concluded(used()), ready(used())
    assert "slot 0 rotates at 2026-11-25 00:00:00Z, when the limit begins anew" in told
    assert "its spending limit is used up" in told
    assert status.next_rotation.at == MIDNIGHT + DAY
    assert status.next_action == "rotate slot 0 at 2026-11-25 00:00Z"


def test_a_limit_without_a_period_waits_until_it_is_raised() -> None:
    o = used(pool=limited(period=None))
    assert "slot 0 rotates when spec.key.spendLimit.amount is raised" in ready(o)
    assert concluded(o).next_rotation.at is None
    assert concluded(o).next_action == "rotate slot 0: SpendLimitReached"


def test_the_audit_log_has_that_it_is_postponed() -> None:
    o = used(pool=replace(limited(), rotate="now"))
    [order] = list(outstanding(o, planned(o).ledger, (), NOW))
    assert (order.annotation, order.decision) == ("keypool.dev/rotate", "postponed")
    assert "slot 0, not before 2026-11-25T00:00:00Z" in order.outcome
    assert "spending limit is used up" in order.outcome


def test_a_shared_limit_is_kept_upstream_and_stops_no_rotation() -> None:
    grouping = replace(TELLS, capabilities=replace(TELLS.capabilities, limits_group_spend=True))
    spec = a_spec(size=2, key={"spendLimit": {"amount": "10", "period": "Daily", "scope": "Pool"}})
    assert "requested" in begun(used(pool=a_pool(spec=spec), provider=grouping))


def test_a_slot_that_has_no_key_and_nothing_left_says_until_when_it_gets_none() -> None:
    gone = replace(used(), ledger=a_ledger(spending=Spending(period=MIDNIGHT, departed={0: Decimal(10)})))
    told = {each.type: (each.reason, each.message) for each in concluded(gone).conditions}
    until = "it gets a key at 2026-11-25 00:00:00Z, when the limit begins anew"
    assert told["Reconciling"][0] == "SpendLimitReached"
    assert until in told["Reconciling"][1]
    assert told["Healthy"][0] == "SlotEmpty"
    assert until in told["Healthy"][1]


def test_a_spec_that_changed_says_until_when_its_keys_are_not_made() -> None:
    ledger = a_ledger(a_key(0, name="a", template="other"), spending=Spending(period=MIDNIGHT))
    o = used(pool=replace(limited(), generation=2))
    told = {each.type: (each.reason, each.message) for each in concluded(replace(o, ledger=ledger)).conditions}
    assert told["Reconciling"][0] == "Updating"
    assert "slot 0 rotates at 2026-11-25 00:00:00Z, when the limit begins anew" in told["Reconciling"][1]


# -- which slot's key stands in the Secret


def both(first: float, second: float, **facts: Any) -> Any:
    """A pool of two keys, `a` and `b`, that have spent so much of ten dollars each; `a` is the primary."""
    keys = (a_key(0, name="a"), a_key(1, name="b", **facts))
    spec = a_spec(size=2, key={"spendLimit": {"amount": "10", "period": "Daily"}})
    known = {"readings": read(a=first, b=second), "checks": accepted("a", "b")}
    ledger = a_ledger(*keys, spending=Spending(period=MIDNIGHT))
    return seen(ledger=ledger, pool=a_pool(spec=spec), provider=TELLS, **known)


def test_a_place_that_gets_free_goes_at_once_to_a_key_that_may_spend() -> None:
    o = both(10, 0)
    left = o.ledger.model_copy(update={"primary": "of slot 2, and gone"})
    assert planned(replace(o, ledger=left)).ledger.primary == "b"


@pytest.mark.parametrize(
    ("first", "second", "primary"), [(10, 0, "b"), (10, 9.9, "b"), (10, 10, "a"), (9.9, 0, "a"), (0, 10, "a")]
)
def test_a_key_that_may_spend_no_more_gives_its_place_in_the_secret_to_one_that_may(
    first: float, second: float, primary: str
) -> None:
    plan = planned(both(first, second))
    assert plan.ledger.primary == primary
    assert (plan.ledger.publication != 5) is (primary == "b")


def test_the_place_does_not_come_back_before_the_next_period() -> None:
    """Within a period what is spent only grows, so the Secret changes once for each slot at most."""
    o = both(10, 0)
    for spent_by_other in (1, 5, 9.9, 10, 11):
        o = replace(o, ledger=planned(o).ledger, readings=read(a=10, b=spent_by_other))
        assert planned(o).ledger.primary == "b"


def test_the_place_is_given_only_to_a_key_that_is_known_to_be_better() -> None:
    assert planned(replace(both(10, 0), readings=read(a=10))).ledger.primary == "a", "nobody knows what b spent"
    assert planned(replace(both(10, 0), checks=accepted("a"))).ledger.primary == "a", "nor whether it works"
    assert planned(both(10, 0, asked="compromised")).ledger.primary == "a", "it is about to go"


def test_the_slots_that_are_used_up_are_named() -> None:
    assert within(both(10, 0))[0][1:] == ("SpendLimitReached", "the keys of slot 0 spent 100 % or more of the limit")
    assert within(both(10, 10))[0][2] == "the keys of slots 0, 1 spent 100 % or more of the limit"
