"""What a report of a relay is worth: it moves a probe's date, and never more than the provider's own word counts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.actions import ProbeKey
from keypool.core.brake import Grip
from keypool.core.holders import APART, SOONEST, is_confirmed, next_probe, pod_counts
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, Observation, heard_since
from keypool.core.plan import plan
from keypool.reconcile.memory import Memory
from tests.unit.core import builders
from tests.unit.core.builders import NOW, SECOND, a_key, a_ledger

LATER = NOW + timedelta(minutes=5)
KEYS = (a_key(0), a_key(1))
NAME = KEYS[0].name


def seen(check: Checked | None, *, reported: datetime | None = NOW, grip: Grip = Grip.FREE) -> Observation:
    """A pass over a pool whose first key is reported as rejected."""
    good = {KEYS[1].name: Checked(NOW, accepted=True)}
    checks = good if check is None else {**good, NAME: check}
    told = {NAME: reported} if reported is not None else {}
    return builders.seen(ledger=a_ledger(*KEYS), checks=checks, reported=told, grip=grip)


def state(o: Observation, now: datetime) -> KeyState:
    """Of the first key, as the plan wants it."""
    key = plan(o, now).ledger.key(NAME)
    assert key is not None
    return key.state


def rejected(at: datetime, count: int = 1, first: datetime | None = None) -> Checked:
    """The latest of so many rejections in a row."""
    return Checked(at, accepted=False, rejections=count, first=first or at)


def test_a_reported_key_is_asked_about_at_once_and_no_other() -> None:
    asked = plan(seen(Checked(NOW - 60 * SECOND, accepted=True)), NOW).actions
    assert [each for each in asked if isinstance(each, ProbeKey)] == [ProbeKey(NAME)]


def test_it_is_asked_about_at_most_once_a_second() -> None:
    at = next_probe(seen(Checked(NOW - SECOND / 4, accepted=True)), KEYS[0], LATER)
    assert at == NOW - SECOND / 4 + SOONEST


def test_a_good_answer_settles_the_report() -> None:
    assert next_probe(seen(Checked(NOW, accepted=True)), KEYS[0], LATER) == LATER


def test_a_rejection_is_asked_about_again_after_five_seconds_and_then_at_the_ordinary_pace() -> None:
    assert next_probe(seen(rejected(NOW)), KEYS[0], LATER) == NOW + APART
    confirmed = rejected(NOW + APART, 2, NOW)
    assert next_probe(seen(confirmed), KEYS[0], LATER) == LATER


@pytest.mark.parametrize("state", [state for state in KeyState if state is not KeyState.ACTIVE])
def test_only_published_keys_are_asked_about_for_a_report(state: KeyState) -> None:
    assert next_probe(seen(None), a_key(0, state, name=NAME), LATER) == LATER


def test_two_rejections_far_enough_apart_withdraw_a_reported_key() -> None:
    at = NOW + APART
    assert state(seen(rejected(at, 2, NOW)), at) is KeyState.WITHDRAWN
    assert state(seen(rejected(at - SECOND / 100, 2, NOW)), at) is KeyState.ACTIVE
    assert state(seen(rejected(at, 1)), at) is KeyState.ACTIVE
    assert state(seen(rejected(at, 2, NOW), reported=None), at) is KeyState.ACTIVE, "the threshold is three"


@pytest.mark.parametrize("grip", [Grip.UNSURE, Grip.ENGAGED])
def test_a_report_does_not_let_the_brake_go(grip: Grip) -> None:
    at = NOW + APART
    assert state(seen(rejected(at, 2, NOW), grip=grip), at) is KeyState.ACTIVE


def test_what_was_rejected_while_the_brake_held_counts_from_anew() -> None:
    released = NOW + 2 * SECOND
    heard = heard_since({NAME: rejected(NOW + APART, 2, NOW)}, released)
    assert not is_confirmed(seen(heard[NAME]), KEYS[0])
    heard = heard_since({NAME: rejected(NOW + 2 * APART, 3, NOW + APART)}, released)
    assert is_confirmed(seen(heard[NAME]), KEYS[0])


@pytest.mark.parametrize(
    ("pod", "counts"),
    [
        ({"metadata": {"uid": "u"}}, True),
        ({"metadata": {"uid": "u"}, "status": {"phase": "Running"}}, True),
        ({"metadata": {"uid": "u"}, "status": {"phase": "Succeeded"}}, False),
        ({"metadata": {"uid": "u"}, "status": {"phase": "Failed"}}, False),
        ({"metadata": {"uid": "another"}}, False),
        ({}, False),
    ],
)
def test_a_report_counts_while_its_pod_is_there_and_has_not_finished(pod: dict[str, Any], counts: bool) -> None:
    assert pod_counts(pod, "u") is counts


PROBES = st.lists(st.tuples(st.integers(1, 70), st.booleans()), max_size=12)


@given(PROBES, st.integers(0, 300))
def test_whatever_is_answered_a_key_goes_only_by_two_rejections_in_a_row_that_are_far_enough_apart(
    probes: list[tuple[int, bool]], reported: int
) -> None:
    """Tenths of a second between probes, whether each was good, and when the report came."""
    memory, now, row = Memory(), NOW, list[datetime]()
    since = NOW + reported * SECOND / 10
    for tenths, accepted in probes:
        now += tenths * SECOND / 10
        memory.checked(NAME, now, accepted)
        row = [] if accepted else [*row, now]
        told = since if since <= now else None
        enough = len(row) >= 2 and row[-1] - row[0] >= APART and told is not None
        assert is_confirmed(seen(memory.checks.get(NAME), reported=told), KEYS[0]) is enough


@given(PROBES, st.integers(0, 300))
def test_a_reported_key_is_never_asked_about_twice_within_a_second_nor_later_than_without(
    probes: list[tuple[int, bool]], reported: int
) -> None:
    memory, now, key = Memory(), NOW, KEYS[0]
    for tenths, accepted in probes:
        now += tenths * SECOND / 10
        memory.checked(NAME, now, accepted)
    o = seen(memory.checks.get(NAME), reported=NOW + reported * SECOND / 10)
    check = memory.checks.get(NAME)
    date = next_probe(o, key, LATER)
    assert date <= LATER
    assert check is None or date >= check.at + SOONEST
