"""When usage is read, what a new key is given of a spending limit, and what people are told about it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from keypool.core.actions import ReadUsage
from keypool.core.ledger import Spending
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Usage
from keypool.core.observation import Reading
from keypool.core.refusals import unsupported
from keypool.core.rules.spending import spending_periods_turn, usage_is_read
from tests.unit.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NAMING,
    NOW,
    PROVIDER,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    decide,
    planned,
    seen,
)

D = KeyState.DRAINING
TELLING = replace(NAMING, tells_usage=True, sets_spend_limit=True, changes_limits=True)
TELLS = replace(PROVIDER, capabilities=TELLING)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


def read(at: datetime = NOW, **spend: float) -> Mapping[str, Reading]:
    """Readings of what keys spent."""
    return {name: Reading(at, Usage(Decimal(str(amount)), 1)) for name, amount in spend.items()}


def limited(**limit: Any) -> Any:
    """A pool of one slot with a daily limit of ten dollars."""
    return a_pool(spec=a_spec(size=1, key={"spendLimit": {"amount": "10", "period": "Daily", **limit}}))


def test_usage_is_not_asked_for_where_the_provider_tells_none() -> None:
    assert decide(usage_is_read, seen(a_key())).actions == ()


def test_keys_are_read_also_where_only_their_last_use_is_told() -> None:
    told = replace(PROVIDER, capabilities=replace(NAMING, tells_last_use=True))
    decision = decide(usage_is_read, seen(a_key(0, name="a"), provider=told, readings=read(NOW - 5 * MINUTE, a=1)))
    assert decision.actions == (ReadUsage("a"),)


def test_nothing_is_said_about_a_limit_where_only_the_last_use_is_told() -> None:
    able = replace(NAMING, tells_last_use=True, sets_spend_limit=True)
    told, used = replace(PROVIDER, capabilities=able), {"a": Reading(NOW, Usage(last_used_at=NOW))}
    status = concluded(seen(a_key(0, name="a"), pool=limited(), provider=told, readings=used))
    assert "WithinSpendLimit" not in {condition.type for condition in status.conditions}


def test_keys_in_use_are_read_at_the_interval_of_probes() -> None:
    keys = (a_key(0, name="a"), a_key(0, D, name="b"))
    decision = decide(usage_is_read, seen(*keys, provider=TELLS, readings=read(NOW - 5 * MINUTE, a=1, b=1)))
    assert decision.actions == (ReadUsage("a"), ReadUsage("b"))


def test_what_was_read_just_now_waits() -> None:
    decision = decide(usage_is_read, seen(a_key(0, name="a"), provider=TELLS, readings=read(a=1)))
    assert (decision.actions, decision.wake_at) == ((), NOW + 5 * MINUTE)


def test_a_failed_reading_pauses() -> None:
    o = seen(a_key(0, name="a"), provider=TELLS, wait_until={"usage:a": NOW + MINUTE})
    assert decide(usage_is_read, o).wake_at == NOW + MINUTE


def test_a_limit_with_a_period_wakes_the_pool_when_it_resets() -> None:
    o = seen(a_key(0, name="a"), pool=limited(), provider=TELLS, readings=read(a=1))
    decision = decide(spending_periods_turn, o)
    assert decision.wake_at == MIDNIGHT + DAY
    assert decision.ledger.spending.period == MIDNIGHT


def intended(o: Any) -> Any:
    """The one intent of a plan."""
    [key] = planned(o).ledger.inside(KeyState.INTENDED)
    return key


def rotating(**facts: Any) -> Any:
    """A pool whose key is to be replaced, having spent six dollars."""
    asked = a_key(0, name="a", asked="requested")
    ledger = a_ledger(asked, spending=Spending(period=MIDNIGHT))
    given = {"pool": limited(), "provider": TELLS, "readings": read(a=6), "checks": accepted("a"), **facts}
    return seen(ledger=ledger, **given)


def test_a_rotated_slot_hands_on_what_it_had_left() -> None:
    assert (intended(rotating()).carried, intended(rotating()).carried_in) == (6, MIDNIGHT)


def test_where_a_limit_cannot_be_raised_again_a_new_key_gets_all_of_it() -> None:
    fixed = replace(TELLS, capabilities=replace(TELLING, changes_limits=False))
    assert intended(rotating(provider=fixed)).carried == 0


@pytest.mark.parametrize(
    ("limit", "size", "known", "field"),
    [
        ({}, 1, replace(TELLING, sets_spend_limit=False), "spec.key.spendLimit:"),
        ({"scope": "Pool"}, 2, TELLING, "spec.key.spendLimit.scope:"),
        ({"scope": "Pool"}, 1, TELLING, None),
        ({"scope": "Pool"}, 2, replace(TELLING, sets_spend_limit=False, limits_group_spend=True), None),
        ({}, 2, replace(TELLING, sets_spend_limit=False, limits_group_spend=True), "spec.key.spendLimit.scope:"),
    ],
)
def test_a_limit_that_the_provider_cannot_enforce_is_refused_by_name(
    limit: Any, size: int, known: Any, field: str | None
) -> None:
    problem = unsupported(a_spec(size=size, key={"spendLimit": {"amount": "10", **limit}}), "vendor", known)
    assert (problem.message if problem else "").startswith(field or "")
    assert (problem is None) == (field is None)


def within(o: Any) -> Any:
    """The condition about spending, as (status, reason, message)."""
    found = [c for c in concluded(o).conditions if c.type == "WithinSpendLimit"]
    return [(c.status, c.reason, c.message) for c in found]


def spent(amount: float, **limit: Any) -> Any:
    """A pool whose key spent so much."""
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT))
    return seen(ledger=ledger, pool=limited(**limit), provider=TELLS, readings=read(a=amount))


def test_the_condition_tells_each_percentage_and_does_not_tick() -> None:
    assert within(spent(1)) == within(spent(7.9))
    assert within(spent(1))[0][:2] == ("True", "SpendingLow")
    assert within(spent(8)) == within(spent(9.9))
    assert within(spent(8))[0] == ("False", "SpendLimitNear", "the keys of slot 0 spent 80 % or more of the limit")
    assert within(spent(10))[0][:2] == ("False", "SpendLimitReached")


def test_the_percentages_are_the_specs() -> None:
    assert within(spent(5, alertAt=[50]))[0][1:] == (
        "SpendLimitNear",
        "the keys of slot 0 spent 50 % or more of the limit",
    )


def test_without_a_limit_or_without_readings_there_is_no_such_condition() -> None:
    assert within(seen(a_key(0, name="a"), provider=TELLS, readings=read(a=1))) == []
    assert within(replace(spent(1), readings={})) == []


def test_readings_alone_write_nothing() -> None:
    key = a_key(0, name="a", template=seen(provider=TELLS).template)
    o = seen(key, pool=a_pool(spec=a_spec(size=1)), provider=TELLS, checks=accepted("a"))
    assert planned(replace(o, readings=read(NOW, a=1)), NOW + HOUR / 100).ledger == o.ledger
