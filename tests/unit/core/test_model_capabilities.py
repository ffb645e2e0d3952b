"""The same for providers that can do more: let values be chosen, disable keys, change limits in place."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.lifecycle import KeyState
from tests.unit.core.builders import HOUR, MINUTE, SECOND
from tests.unit.core.performing import change
from tests.unit.core.test_model import EVENTS, NAMELESS, NAMING, SPEC, begin, bounded, calm, happen
from tests.unit.core.world import World

CHOOSING = replace(NAMING, chooses_value=True)
ABLE = replace(CHOOSING, disables_keys=True, changes_limits=True)
FAULTS = {
    "disable": ("lost", "down", "refused", "throttled"),
    "enable": ("lost", "down", "throttled"),
    "update": ("lost", "down", "throttled"),
}
MORE = st.one_of(
    EVENTS,
    st.tuples(st.just("undo"), st.integers(0, 3)),
    st.tuples(st.just("limit"), st.sampled_from([None, 60, 600])),
    st.sampled_from([("fault", call, kind) for call, kinds in FAULTS.items() for kind in kinds]),
)


def _undo(world: World, index: int) -> None:
    names = [key.name for key in world.ledger.inside(KeyState.DISABLED)]
    if names:
        world.edit(undo=f"{names[index % len(names)]}@{world.entropy}")
        world.reconcile()


def _limit(world: World, limit: int | None) -> None:
    key = {**SPEC.key.model_dump(exclude_none=True), "rate_limit": {"requests_per_minute": limit} if limit else None}
    change(world, key=type(SPEC.key).model_validate(key))
    world.reconcile()


def happens(world: World, event: Any) -> None:
    """Lets one event happen, also those that other providers do not know."""
    kind, *rest = event
    if kind == "undo":
        _undo(world, *rest)
    elif kind == "limit":
        _limit(world, *rest)
    else:
        happen(world, event)


def check_rest(world: World) -> None:
    """All slots are served, nothing is forgotten, and what the ledger says of the keys is so."""
    assert world.ready(), world.status
    assert {key.state for key in world.ledger.keys} <= {KeyState.ACTIVE, KeyState.DRAINING, KeyState.DISABLED}
    working = {key.name for key in world.ledger.inside(KeyState.ACTIVE, KeyState.DRAINING)}
    assert world.live() == working
    limits = {key.name: key.limits for key in world.vendor.keys.values()}
    for key in world.ledger.inside(KeyState.ACTIVE):
        assert key.limits == limits[key.name], "the ledger says what the provider was told"
        assert key.limits == world.observe().effective.limits


@bounded(60)
@given(events=st.lists(MORE, max_size=14))
def test_a_pool_finds_its_rest_at_a_provider_that_can_do_all(events: Any) -> None:
    world = begin(ABLE)
    for event in events:
        happens(world, event)
    calm(world)
    check_rest(world)


@bounded(20)
@given(events=st.lists(EVENTS, max_size=14))
def test_where_values_are_ours_to_choose_no_answer_stays_lost_although_no_names_are_listed(events: Any) -> None:
    world = begin(replace(NAMELESS, chooses_value=True))
    for event in events:
        happen(world, event)
    calm(world)
    assert world.ready(), world.status
    refused = world.ledger.inside(KeyState.HELD)
    assert world.live() <= {key.name for key in world.ledger.keys}
    assert not refused or any(event[:2] == ("fault", "create") for event in events)


@bounded(30)
@given(events=st.lists(MORE, max_size=8), policy=st.sampled_from(["Revoke", "RevokeAndWait"]), later=st.lists(MORE))
def test_a_deleted_pool_leaves_no_key_at_a_provider_that_can_do_all(events: Any, policy: Any, later: Any) -> None:
    world = begin(ABLE)
    for event in (*events, ("delete", policy), *later[:4]):
        happens(world, event)
    calm(world)
    world.pass_time(timedelta(days=2))
    assert world.pool is None
    assert world.dropped, world.ledger.keys
    assert not [key for key in world.vendor.keys.values() if not key.foreign], "not even a disabled one is left"


@pytest.mark.parametrize("capabilities", [CHOOSING, replace(NAMELESS, chooses_value=True)], ids=["names", "no names"])
@pytest.mark.parametrize("steps", range(1, 14))
def test_a_restart_between_intent_and_answer_leaves_exactly_one_key_and_holds_none(
    steps: Any, capabilities: Any
) -> None:
    world = begin(capabilities, started=False)
    world.steps_to_crash = steps
    world.reconcile()
    assert not world.ledger.inside(KeyState.HELD)
    world.pass_time(10 * SECOND)
    assert world.ready()
    assert len(world.vendor.created) == len(world.vendor.keys) - 1 == SPEC.size, "one key for each slot, beside theirs"


@pytest.mark.parametrize("steps", range(1, 30, 2))
def test_a_crash_at_any_step_of_a_rotation_with_a_disabled_key_is_resumed(steps: Any) -> None:
    world = begin(ABLE)
    world.pass_time(10 * SECOND)
    world.edit(rotate="now")
    world.steps_to_crash = steps
    world.reconcile()
    world.pass_time(2 * HOUR)
    check_rest(world)
    assert not world.ledger.inside(KeyState.DISABLED), "the quiet period is over"
    assert len(world.vendor.keys) == SPEC.size + 1


def test_a_key_is_disabled_for_the_quiet_period_before_it_is_deleted() -> None:
    world = begin(ABLE)
    world.pass_time(10 * SECOND)
    old = world.live()
    world.edit(rotate="now")
    world.reconcile()
    world.pass_time(12 * MINUTE)
    assert not old & world.live()
    assert old < world.vendor.names(), "they can be brought back"
    world.pass_time(2 * HOUR)
    assert not old & world.vendor.names()


def test_a_key_that_is_wanted_back_works_for_another_overlap() -> None:
    world = begin(ABLE)
    world.pass_time(10 * SECOND)
    old = world.live()
    world.edit(rotate="now")
    world.reconcile()
    world.pass_time(12 * MINUTE)
    world.edit(undo="all@1")
    world.reconcile()
    assert old <= world.live()
    world.pass_time(9 * MINUTE)
    assert old <= world.live()
    world.pass_time(2 * MINUTE)
    assert not old & world.live()


def test_a_change_of_limits_makes_no_key_where_it_is_done_in_place() -> None:
    world = begin(ABLE)
    world.pass_time(MINUTE)
    _limit(world, 60)
    world.pass_time(MINUTE)
    assert len(world.vendor.created) == SPEC.size
    assert world.ready()
    check_rest(world)
    listed = world.secrets["web-pool"][0].data["keys.json"]
    assert listed.count('"requestsPerMinute":60') == SPEC.size
