"""What the metrics say of a pool: what is not as it should be, how late a rotation is, and the last good probes."""

from typing import Any

from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.reconcile.measures import pool_state
from keypool.serve.pools import PoolState
from tests.unit.core.builders import (
    DOWN,
    HOUR,
    MINUTE,
    NOW,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    rejected,
    seen,
)

ONE = a_pool(spec=a_spec(size=1))


def shown(o: Any, *problems: Any, before: PoolState | None = None, now: Any = NOW) -> PoolState:
    """What is shown of a pool after a pass."""
    return pool_state(o, concluded(o, *problems, now=now), None, before, now)


def test_a_pool_at_rest_shows_its_keys_and_no_condition() -> None:
    state = shown(seen(a_key(0), a_key(1), checks=accepted("active-0", "active-1")))
    assert (state.ready, state.published, state.wanted, state.conditions, state.late) == (True, 2, 2, (), None)


def test_keys_that_the_secret_does_not_hold_are_not_shown_as_published() -> None:
    assert shown(seen(a_key(0), a_key(1), secrets={})).published == 0


def test_a_pool_that_is_stuck_though_ready_shows_what_it_needs() -> None:
    state = shown(seen(a_key(0), a_key(1)), Problem(Reason.KEY_REFUSED, "no such scope"))
    assert state.ready
    assert ("Stalled", "True", "KeyRefused") in state.conditions


def test_a_pool_shows_when_its_first_key_expires_and_is_to_be_renewed() -> None:
    state = shown(seen(a_key(0, expires_at=NOW + 9 * HOUR), a_key(1, expires_at=NOW + 5 * HOUR)))
    assert state.expiry == (NOW + 5 * HOUR).timestamp()
    assert state.renewal is not None
    assert state.renewal < state.expiry
    assert shown(seen(a_key(0, why="supplied by people"))).expiry is None


def test_a_pool_shows_who_has_to_act() -> None:
    assert shown(seen(a_key(0), a_key(1), checks=accepted("active-0", "active-1"))).waits_for == ""
    assert shown(seen(a_key(0), a_key(1)), Problem(Reason.KEY_REFUSED, "no such scope")).waits_for == "owner"
    suspended = a_pool(spec=a_spec(size=1, suspend=True))
    assert shown(seen(a_key(0), pool=suspended)).waits_for == "owner"


def test_equal_names_of_conditions_are_kept_once() -> None:
    first = shown(seen(a_key(0)), Problem(Reason.KEY_REFUSED, "x"))
    again = shown(seen(a_key(0)), Problem(Reason.KEY_REFUSED, "y"))
    assert all(
        a is b
        for one, two in zip(first.conditions, again.conditions, strict=True)
        for a, b in zip(one, two, strict=True)
    )


def test_an_overdue_rotation_shows_since_when() -> None:
    o = seen(a_key(0, created_at=NOW - 30 * HOUR), pool=ONE, provider_problem=DOWN)
    state = shown(o)
    assert state.late == (0, (NOW - 6 * HOUR).timestamp())
    assert state.next_rotation is None  # no time in the past is told as the next one


def test_a_rotation_that_was_asked_for_is_late_since_it_was_first_seen() -> None:
    o = seen(a_key(0, asked="requested"), pool=ONE, provider_problem=DOWN)
    first = shown(o)
    assert first.late == (0, NOW.timestamp())
    assert shown(o, before=first, now=NOW + HOUR).late == first.late


def test_a_rotation_that_is_under_way_counts_from_its_begin_and_the_next_slot_anew() -> None:
    made = a_key(0, KeyState.CREATED, why="interval")
    ledger = a_ledger(a_key(0), a_key(1), made)
    first = shown(seen(ledger=ledger))
    assert first.late == (0, NOW.timestamp())
    other = a_ledger(a_key(0), a_key(1), a_key(1, KeyState.CREATED, why="interval"))
    assert shown(seen(ledger=other), before=first, now=NOW + HOUR).late == (1, (NOW + HOUR).timestamp())
    assert shown(seen(a_key(0), a_key(1)), before=first).late is None


def test_the_last_good_probe_is_that_of_the_key_that_was_accepted_longest_ago() -> None:
    checks = {**accepted("active-0", at=NOW - MINUTE), **accepted("active-1", at=NOW)}
    assert shown(seen(a_key(0), a_key(1), checks=checks)).good_probe == (NOW - MINUTE).timestamp()


def test_the_last_good_probe_stands_still_while_a_key_has_no_good_answer() -> None:
    good = shown(seen(a_key(0), checks=accepted("active-0", at=NOW - HOUR), pool=ONE))
    for checks in ({}, rejected("active-0", times=1)):
        assert shown(seen(a_key(0), checks=checks, pool=ONE), before=good).good_probe == good.good_probe
    assert shown(seen(a_key(0), pool=ONE)).good_probe is None
