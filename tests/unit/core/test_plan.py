"""The planner as a whole: the same input gives the same plan, and every rule says why."""

from dataclasses import replace
from typing import Any

from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.plan import SERVING
from keypool.core.reasons import Reason
from tests.unit.core.builders import (
    FOREIGN,
    HOUR,
    NOW,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    planned,
    seen,
)
from tests.unit.core.test_model import NAMING, begin, calm
from tests.unit.core.vendor import Vendor
from tests.unit.core.world import World

REST = seen(a_key(0), a_key(1), checks=accepted("active-0", "active-1"))


def test_a_pool_at_rest_needs_nothing() -> None:
    decided = planned(REST)
    assert (decided.ledger, decided.actions, decided.problems) == (REST.ledger, (), ())
    assert decided.wake_at > NOW


def test_the_same_observation_gives_the_same_plan() -> None:
    o = seen(a_key(0, expires_at=NOW + SECOND))
    assert planned(o) == planned(o)


def test_every_rule_says_why() -> None:
    verdicts = planned(REST).verdicts
    assert [verdict.rule for verdict in verdicts] == [rule.__name__ for rule in SERVING]
    assert all(verdict.because for verdict in verdicts)


def test_an_unreadable_spec_touches_nothing() -> None:
    o = replace(REST, pool=a_pool(spec=None, spec_error="spec.size: must be a number"))
    decided = planned(o)
    assert (decided.ledger, decided.actions) == (REST.ledger, ())
    assert [problem.reason.value for problem in decided.problems] == ["SpecInvalid"]


def test_a_foreign_secret_is_looked_at_again() -> None:
    assert NOW < planned(replace(REST, secret_problem=FOREIGN)).wake_at <= NOW + 30 * SECOND


def test_an_unsent_intent_is_made_anew_with_another_name() -> None:
    o = seen(ledger=a_ledger(a_key(0, KeyState.INTENDED)), pool=a_pool(spec=a_spec(size=1)))
    (action,) = planned(o).actions
    assert action.name != "intended-0"
    assert [key.name for key in planned(o).ledger.keys] == [action.name]


def test_ten_days_of_rotation_make_no_more_keys_than_intervals() -> None:
    world = begin(NAMING)
    world.edit(spec=a_spec(size=3, rotation={"every": "24h"}, health={"probeEvery": "24h"}))
    world.reconcile()
    world.pass_time(240 * HOUR)
    assert 3 * 10 <= len(world.vendor.created) <= 3 * 12


def test_keys_shorter_than_the_interval_are_not_made_twice_as_often() -> None:
    world = begin(NAMING)
    world.edit(spec=a_spec(size=2, key={"lifetime": "20h"}, health={"probeEvery": "24h"}))
    world.reconcile()
    world.pass_time(240 * HOUR)
    assert len(world.vendor.created) <= 2 * 15


def test_a_vendor_whose_keys_are_born_expired_is_asked_three_times() -> None:
    world = World(_Odd(NAMING))
    world.pool = a_pool(has_finalizer=False, spec=a_spec(size=1))
    world.reconcile()
    world.pass_time(HOUR)
    assert len(world.vendor.created) == 3
    assert not world.ready()


class _Odd(Vendor):
    """Every key expired a second ago."""

    def create(self, new: Any, now: Any) -> Any:
        handle, value, _ = super().create(new, now)
        return handle, value, now - SECOND


def test_a_pool_with_a_short_life_and_default_overlap_never_stops_serving() -> None:
    world = begin(NAMING)
    world.overlap = 150 * SECOND
    world.edit(spec=a_spec(size=1, key={"lifetime": "5m"}, health={"probeEvery": "1m"}))
    calm(world)
    for _ in range(60):
        world.pass_time(60 * SECOND)
        assert world.ready()


def test_of_a_secret_that_another_pool_got_only_that_is_told() -> None:
    contested = Problem(Reason.SECRET_CONTESTED, "pool first has it")
    told = planned(seen(a_key(), contested=contested, secret_problem=FOREIGN)).problems
    assert contested in told
    assert FOREIGN not in told
