"""When keys are due: staggered, before they expire, and never in a storm."""

from datetime import timedelta
from typing import Any

import pytest

from keypool.core.effective import effective
from keypool.core.limits import Identity
from keypool.core.rotation import Due, Why, rotation_due, share_of_interval
from tests.unit.core.builders import DAY, HOUR, MINUTE, NAMING, NOW, SECOND, TEMPLATE, a_key, a_spec

HOUR_AGO = NOW - HOUR


def due(spec: Any = None, **facts: Any) -> Any:
    return rotation_due(a_key(0, **facts), effective(spec or a_spec(), NAMING), TEMPLATE)


def test_a_key_is_due_after_its_share_of_the_interval() -> None:
    assert due() == Due(HOUR_AGO + 24 * HOUR, Why.INTERVAL)
    assert due(share=0.5) == Due(HOUR_AGO + 12 * HOUR, Why.INTERVAL)


def test_a_key_is_due_before_it_expires() -> None:
    assert due(expires_at=NOW + 3 * HOUR) == Due(NOW + 2 * HOUR, Why.EXPIRY)


def test_our_own_lifetime_decides_where_it_is_shorter() -> None:
    spec = a_spec(key={"lifetime": "10h"}, rotation={"renewBefore": "30m"})
    assert due(spec) == Due(HOUR_AGO + 9.5 * HOUR, Why.EXPIRY)


def test_a_spec_change_or_a_request_is_due_at_once() -> None:
    assert due(template="other") == Due(HOUR_AGO, Why.SPEC)
    assert due(asked="requested") == Due(HOUR_AGO, Why.REQUESTED)
    assert due(asked="compromised", template="other").why is Why.COMPROMISED


@pytest.mark.parametrize("life", [SECOND, MINUTE, 59 * MINUTE, 90 * MINUTE, DAY])
def test_no_key_is_due_before_half_of_its_life(life: Any) -> None:
    at = due(a_spec(rotation={"renewBefore": "100h"}), expires_at=HOUR_AGO + life).at
    assert HOUR_AGO + life / 2 <= at < HOUR_AGO + life


def test_the_first_keys_of_a_pool_take_turns() -> None:
    shares = [share_of_interval(Why.SLOT_EMPTY, slot, 4, f"key-{slot}") for slot in range(4)]
    for slot, share in enumerate(shares):
        assert 0.95 * (slot + 1) / 4 < share <= (slot + 1) / 4


@pytest.mark.parametrize("why", [Why.INTERVAL, Why.EXPIRY])
def test_a_regular_successor_serves_the_whole_interval(why: Any) -> None:
    assert share_of_interval(why, 0, 100, "key") > 0.95


def test_pools_made_together_do_not_rotate_together() -> None:
    shares = {round(share_of_interval(Why.INTERVAL, 0, 1, f"pool-{index}"), 4) for index in range(100)}
    assert len(shares) > 50


def test_the_overlap_that_is_not_given_fits_lifetime_and_interval() -> None:
    for spec, overlap in (
        (a_spec(), 10 * MINUTE),
        (a_spec(key={"lifetime": "5m"}), 2.5 * MINUTE),
        (a_spec(rotation={"every": "1m"}), MINUTE),
        (a_spec(key={"lifetime": "5m"}, rotation={"overlap": {"min": "4m"}}), 4 * MINUTE),
    ):
        assert effective(spec, None).overlap_min == overlap


def test_what_is_not_given_is_derived() -> None:
    one = effective(a_spec(), None)
    assert (one.lifetime, one.every, one.renew_before, one.max_surge) == (30 * DAY, DAY, HOUR, 1)
    assert effective(a_spec(key={"lifetime": "5m"}), None).renew_before == 30 * SECOND
    given = effective(a_spec(rotation={"renewBefore": "0s"}), None)
    assert given.renew_before == timedelta(0)


def test_only_what_a_key_has_from_birth_is_part_of_its_template() -> None:
    base = effective(a_spec(), NAMING).template("p")
    for same in (a_spec(size=5), a_spec(key={"lifetime": "24h"}), a_spec(rotation={"every": "1h"})):
        assert effective(same, NAMING).template("p") == base
    for other in (a_spec(key={"scopes": ["chat"]}), a_spec(key={"rateLimit": {"requestsPerMinute": 5}})):
        assert effective(other, NAMING).template("p") != base
    assert effective(a_spec(), NAMING).template("q") != base
    assert effective(a_spec(), NAMING).template("p", Identity(team="a")) != base


def test_the_order_of_scopes_does_not_matter() -> None:
    first, second = a_spec(key={"scopes": ["a", "b"]}), a_spec(key={"scopes": ["b", "a"]})
    assert effective(first, NAMING).template("p") == effective(second, NAMING).template("p")
