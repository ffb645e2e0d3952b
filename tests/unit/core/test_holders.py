"""What a report of a relay is worth: it moves a probe's date, and never more than the provider's own word counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.actions import ProbeKey
from keypool.core.brake import Grip
from keypool.core.holders import APART, SOONER, SOONEST, is_confirmed, next_probe, pod_counts
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Checked, Observation, heard_since
from keypool.core.plan import plan
from keypool.reconcile.memory import Memory
from tests.unit.core import builders
from tests.unit.core.builders import HOUR, MINUTE, NOW, SECOND, a_key, a_ledger

LATER = NOW + timedelta(minutes=5)
KEYS = (a_key(0), a_key(1))
NAME = KEYS[0].name


def seen(check: Checked | None, *, reported: datetime | None = NOW, grip: Grip = Grip.FREE) -> Observation:
    """A pass over a pool whose first key is reported as rejected."""
    good = {KEYS[1].name: Checked(NOW - MINUTE, accepted=True)}
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


def test_a_rejection_is_asked_about_after_two_and_after_five_seconds_and_then_at_the_ordinary_pace() -> None:
    assert next_probe(seen(rejected(NOW)), KEYS[0], LATER) == NOW + SOONER
    assert next_probe(seen(rejected(NOW + SOONER, 2, NOW)), KEYS[0], LATER) == NOW + APART
    confirmed = rejected(NOW + APART, 3, NOW)
    assert next_probe(seen(confirmed), KEYS[0], LATER) == LATER


def test_after_a_rejection_one_other_key_is_asked_about_and_the_next_only_where_that_is_rejected_too() -> None:
    third = a_key(2)

    def dates(**others: Checked) -> list[datetime]:
        """Of the second key and the third."""
        given = {NAME: rejected(NOW), KEYS[1].name: Checked(NOW - MINUTE, accepted=True), **others}
        o = builders.seen(ledger=a_ledger(*KEYS, third), checks=given, reported={NAME: NOW})
        return [next_probe(o, key, LATER) for key in (KEYS[1], third)]

    second = KEYS[1].name
    assert dates() == [NOW + SOONEST, LATER], "that which was good"
    assert dates(**{second: Checked(NOW + SOONEST, accepted=True)}) == [LATER, LATER]
    assert dates(**{second: rejected(NOW + SOONEST)}) == [LATER, NOW + 2 * SOONEST]


@pytest.mark.parametrize(
    ("asked", "answered", "accepted", "withdrawn"),
    [
        (1.0, 1.5, True, True),
        (1.0, 1.5, False, False),
        (-0.1, 0.1, True, False),  # it was asked about before the first rejection
        (1.9, 2.1, True, False),  # and the answer came after the second question
    ],
)
def test_two_seconds_are_enough_where_another_key_was_good_between_both_rejections(
    asked: float, answered: float, accepted: bool, withdrawn: bool
) -> None:
    other = Checked(NOW + answered * SECOND, accepted, asked=NOW + asked * SECOND)
    at = NOW + SOONER
    o = replace(seen(rejected(at, 2, NOW)), checks={NAME: rejected(at, 2, NOW), KEYS[1].name: other})
    assert state(o, at) is (KeyState.WITHDRAWN if withdrawn else KeyState.ACTIVE)
    early = rejected(at - SECOND / 100, 2, NOW)
    assert state(replace(o, checks={**o.checks, NAME: early}), at) is KeyState.ACTIVE


@pytest.mark.parametrize(("made", "withdrawn"), [(HOUR, True), (4 * SECOND, False)])
def test_two_seconds_are_enough_where_the_provider_lists_the_key_as_dead_and_it_is_not_too_young_to_be_listed(
    made: timedelta, withdrawn: bool
) -> None:
    at, only = NOW + SOONER, a_key(0, name=NAME, created_at=NOW - made)
    o = builders.seen(ledger=a_ledger(only), checks={NAME: rejected(at, 2, NOW)}, reported={NAME: NOW})
    assert state(o, at) is KeyState.ACTIVE
    assert state(replace(o, lost=frozenset({NAME})), at) is (KeyState.WITHDRAWN if withdrawn else KeyState.ACTIVE)


@pytest.mark.parametrize("state", [state for state in KeyState if state is not KeyState.ACTIVE])
def test_only_published_keys_are_asked_about_for_a_report(state: KeyState) -> None:
    assert next_probe(seen(None), a_key(0, state, name=NAME), LATER) == LATER


def test_two_rejections_far_enough_apart_withdraw_a_reported_key() -> None:
    at = NOW + APART
    assert state(seen(rejected(at, 2, NOW)), at) is KeyState.WITHDRAWN
    assert state(seen(rejected(at - SECOND / 100, 2, NOW)), at) is KeyState.ACTIVE
    assert state(seen(rejected(at, 1)), at) is KeyState.ACTIVE
    assert state(seen(rejected(at, 2, NOW), reported=None), at) is KeyState.ACTIVE, "the threshold is three"


@pytest.mark.parametrize(("asked", "withdrawn"), [(APART - SECOND / 10, False), (APART, True)])
def test_a_second_rejection_counts_from_when_it_was_asked_for_however_late_the_answer_is(
    asked: timedelta, withdrawn: bool
) -> None:
    """The provider may have judged as soon as it was asked."""
    at = NOW + 3 * APART
    check = Checked(at, accepted=False, rejections=2, first=NOW, asked=NOW + asked)
    assert state(seen(check), at) is (KeyState.WITHDRAWN if withdrawn else KeyState.ACTIVE)


def test_that_a_pod_reported_it_is_told_also_where_the_threshold_is_reached_by_then() -> None:
    at = NOW + APART
    (step,) = plan(seen(rejected(at, 3, NOW)), at).ledger.steps
    assert step.evidence is Evidence.REPORTED


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


ALONE = builders.seen(ledger=a_ledger(*KEYS))
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
        o = replace(ALONE, checks=dict(memory.checks), reported={NAME: told} if told is not None else {})
        assert is_confirmed(o, KEYS[0]) is enough


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


POOL = tuple(a_key(slot) for slot in range(3))
QUIET = builders.seen(ledger=a_ledger(*POOL))
IsGood = Callable[[str, datetime], bool]


def inquiry(is_good: IsGood, reported: tuple[str, ...], delays: list[tuple[int, int]]) -> tuple[set[str], datetime]:
    """Which keys are proven dead, and when the last one was, in 20 s after a report. `is_good`: what the provider says
    of a key at a moment; `delays`: tenths of a second until it judges, and from then until its answer is there."""
    memory, now, dead = Memory(), NOW, set[str]()
    for key in POOL:
        memory.checked(key.name, NOW - MINUTE, True)
    for turn in range(60):
        o = replace(QUIET, checks=dict(memory.checks), reported=dict.fromkeys(reported, NOW))
        dead |= {key.name for key in POOL if is_confirmed(o, key)}
        date, name = min((next_probe(o, key, LATER), key.name) for key in POOL)
        if dead == set(reported) or date > NOW + 20 * SECOND:
            break
        now = max(now, date)
        judges, answers = delays[turn % len(delays)]
        judged = now + judges * SECOND / 10
        answered = judged + answers * SECOND / 10
        memory.checked(name, answered, is_good(name, judged), asked=now)
        now = answered
    return dead, now


DELAYS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8)
REPORTED = st.sampled_from([(NAME,), (NAME, KEYS[1].name), tuple(key.name for key in POOL)])


@given(st.integers(-50, 100), st.integers(0, 50), REPORTED, DELAYS)
def test_no_key_is_taken_for_dead_when_the_provider_rejects_all_for_up_to_five_seconds(
    begin: int, tenths: int, reported: tuple[str, ...], delays: list[tuple[int, int]]
) -> None:
    """Whenever that begins, whatever is reported, and however slow the answers are."""

    def is_good(_: str, at: datetime) -> bool:
        since = at - NOW - begin * SECOND / 10
        return not timedelta(0) <= since < tenths * SECOND / 10

    assert inquiry(is_good, reported, delays)[0] == set()


@given(st.integers(0, 5), REPORTED)
def test_a_key_that_is_dead_is_proven_within_three_seconds_and_no_other_one_is(
    tenths: int, reported: tuple[str, ...]
) -> None:
    """Also where a liar reports all others. Each answer takes so many tenths of a second."""
    dead, _ = inquiry(lambda key, _: key != NAME, reported, [(tenths, 0)])
    assert dead == {NAME}
    _, at = inquiry(lambda key, _: key != NAME, (NAME,), [(tenths, 0)])
    assert at <= NOW + SOONER + 2 * tenths * SECOND / 10
