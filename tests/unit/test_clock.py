"""The anchored clock: it keeps true time, whatever becomes of the wall clock and of the API server's."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keypool.cluster.clock import SLEW, AnchoredClock
from keypool.core.lifecycle import KeyState
from keypool.core.rules.retirement import unneeded_keys_are_revoked
from tests.unit.core.builders import NOW, a_key, decide, seen, states

YEAR, HOUR = 365 * 86400.0, 3600.0
OVERLAP = 600.0
"""Seconds: the default."""


class Times:
    """True time, what the node's and the API server's clocks are ahead of it, and the operator that looks at both."""

    def __init__(self, wall: float = 0.0, api: float = 0.0) -> None:
        self.elapsed, self.wall, self.api = 0.0, wall, api
        self.restart()

    def restart(self) -> None:
        """A new process, on a machine that has run for a while."""
        self.clock = AnchoredClock(lambda: self._at(self.wall), lambda: 1e6 + self.elapsed)
        self.hear()

    def hear(self, took: float = 0.0) -> None:
        """The API server answers."""
        self.clock.heard(format_datetime(self._at(self.api).replace(microsecond=0), usegmt=True), took)

    def go_on(self, seconds: float) -> None:
        """Time passes, while the Lease is renewed."""
        for _ in range(10):
            self.elapsed += seconds / 10
            self.hear()

    def error(self) -> float:
        """Seconds by which the operator's clock is ahead of the truth."""
        return (self.clock.now() - self._at(0.0)).total_seconds()

    def _at(self, ahead: float) -> datetime:
        return NOW + timedelta(seconds=self.elapsed + ahead)


@pytest.mark.parametrize("step", [-HOUR, 61.0, YEAR, 400 * 86400.0])
def test_a_step_of_the_nodes_clock_moves_nothing_and_ends_trust_until_it_is_taken_back(step: float) -> None:
    times = Times()
    times.go_on(100)
    times.wall = step
    assert not times.clock.agrees()
    assert abs(times.error()) <= 1
    times.go_on(HOUR)
    assert not times.clock.agrees()
    assert abs(times.error()) <= 1
    times.wall = 0.0
    assert times.clock.agrees()


@pytest.mark.parametrize("step", [-HOUR, YEAR])
def test_a_step_of_the_api_servers_clock_moves_nothing_and_ends_trust_until_it_is_taken_back(step: float) -> None:
    times = Times()
    times.api = step
    times.go_on(HOUR)
    assert not times.clock.agrees()
    assert abs(times.error()) <= 1
    times.api = 0.0
    times.go_on(10)
    assert times.clock.agrees()


def test_a_nodes_clock_that_is_wrong_from_the_start_is_not_followed() -> None:
    times = Times(wall=-HOUR)
    assert abs(times.error()) <= 1
    assert not times.clock.agrees()


def test_clocks_that_were_both_set_are_believed_again_after_a_restart() -> None:
    times = Times()
    times.wall = times.api = YEAR
    times.go_on(10)
    assert not times.clock.agrees()
    times.restart()
    assert times.clock.agrees()


def test_a_small_correction_is_followed_slowly_and_the_clock_never_goes_back() -> None:
    times = Times()
    times.api = -30.0
    for _ in range(100):
        before = times.clock.now()
        times.go_on(100)
        assert times.clock.now() >= before
        assert times.clock.agrees()
    assert -10_000 * SLEW - 1 <= times.error() < -5, "at most a thousandth of what passed"


def test_an_answer_that_took_long_tells_less_but_nothing_wrong() -> None:
    times = Times()
    times.elapsed += 8
    times.hear(took=8)
    assert abs(times.error()) <= 1


def test_before_an_answer_and_without_a_date_nothing_is_trusted() -> None:
    clock = AnchoredClock(lambda: NOW, lambda: 0.0)
    clock.heard("", 0.0)
    assert not clock.agrees()
    assert clock.now() == NOW


def test_a_date_that_stands_still_is_noticed() -> None:
    times = Times()
    for _ in range(70):
        times.elapsed, times.api = times.elapsed + 2, times.api - 2
        times.hear()
    assert not times.clock.agrees()


def test_the_log_tells_once_that_clocks_disagree_and_once_that_they_agree_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "keypool")
    times = Times()
    for times.wall in (0.0, YEAR, YEAR, 0.0, 0.0):
        times.go_on(20)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_now_is_aware() -> None:
    assert Times().clock.now().tzinfo is UTC


STEPS = st.sampled_from([-400 * 86400.0, -HOUR, -61.0, -59.0, 0.0, 59.0, 61.0, HOUR, YEAR])
PAUSES = st.sampled_from([1.0, 30.0, 120.0, 599.0])


class Overlap:
    """A replaced key while clocks step: it left the Secret when true time was 0."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.revoked_after: float | None = None
        self.key = a_key(0, KeyState.DRAINING, unpublished_at=times.clock.now())

    def look(self) -> None:
        """A pass."""
        now = self.times.clock.now()
        o = seen(a_key(0), self.key, clocks_agree=self.times.clock.agrees())
        ledger = decide(unneeded_keys_are_revoked, o, now=now).ledger
        if self.revoked_after is None and states(ledger)[self.key.name] == "revoking":
            self.revoked_after = self.times.elapsed


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(events=st.lists(st.tuples(STEPS, PAUSES, st.booleans()), min_size=1, max_size=8), begin=STEPS)
def test_no_steps_of_the_nodes_clock_shorten_an_overlap_not_even_with_restarts(
    events: list[tuple[float, float, bool]], begin: float
) -> None:
    overlap = Overlap(Times(wall=begin))
    for step, pause, restart in events:
        overlap.times.wall = step
        overlap.look()
        if restart:
            overlap.times.restart()
        overlap.times.go_on(pause)
        overlap.look()
    overlap.times.wall = 0.0
    overlap.times.go_on(2 * OVERLAP)
    overlap.look()
    assert overlap.revoked_after is not None, "when the clock is right again the key goes"
    assert overlap.revoked_after >= OVERLAP - 2


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(events=st.lists(st.tuples(STEPS, STEPS, PAUSES), min_size=1, max_size=8))
def test_no_steps_of_both_clocks_shorten_an_overlap_while_the_process_runs(
    events: list[tuple[float, float, float]],
) -> None:
    overlap = Overlap(Times())
    for wall, api, pause in events:
        overlap.times.wall, overlap.times.api = wall, api
        overlap.look()
        overlap.times.go_on(pause)
        overlap.look()
    overlap.times.wall = overlap.times.api = 0.0
    overlap.times.go_on(2 * OVERLAP)
    overlap.look()
    assert overlap.revoked_after is not None
    assert overlap.revoked_after >= OVERLAP * (1 - SLEW) - 2
