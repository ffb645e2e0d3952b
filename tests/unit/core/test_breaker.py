"""The circuit breaker: closed, open after five failures in a row, and after a minute half-open for one call."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keypool.core.breaker import COOL_DOWN, FAILURES, MOMENT, Breaker, State, Ticket


def fail(breaker: Breaker, now: float, times: int = 1) -> None:
    """So many calls in a row that fail."""
    for _ in range(times):
        ticket = breaker.admit(now)
        assert ticket is not None
        breaker.settle(ticket, False, now)


def opened(now: float = 0.0) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker()
    fail(breaker, now, FAILURES)
    return breaker


def trial_of(breaker: Breaker, now: float) -> Ticket:
    """The ticket of the one call that a half-open breaker lets through."""
    ticket = breaker.admit(now)
    assert ticket is not None
    return ticket


def test_four_failures_in_a_row_open_nothing() -> None:
    breaker = Breaker()
    fail(breaker, 0.0, FAILURES - 1)
    assert breaker.state(0.0) is State.CLOSED


def test_the_fifth_failure_in_a_row_opens_it() -> None:
    assert opened().state(0.0) is State.OPEN


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker()
    fail(breaker, 0.0, FAILURES - 1)
    breaker.settle(trial_of(breaker, 0.0), True, 0.0)
    fail(breaker, 0.0, FAILURES - 1)
    assert breaker.state(0.0) is State.CLOSED


def test_open_it_lets_nothing_through_for_a_minute() -> None:
    breaker = opened()
    assert breaker.admit(COOL_DOWN - 0.001) is None
    assert breaker.retry_in(0.0) == COOL_DOWN


def test_half_open_it_lets_one_call_through() -> None:
    breaker = opened()
    assert breaker.state(COOL_DOWN) is State.HALF_OPEN
    trial_of(breaker, COOL_DOWN)
    assert breaker.admit(COOL_DOWN) is None


def test_a_trial_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.settle(trial_of(breaker, COOL_DOWN), True, COOL_DOWN)
    assert breaker.state(COOL_DOWN) is State.CLOSED


def test_a_trial_that_fails_opens_it_for_another_minute() -> None:
    breaker = opened()
    breaker.settle(trial_of(breaker, COOL_DOWN), False, COOL_DOWN + 3)
    assert breaker.retry_in(COOL_DOWN + 3) == COOL_DOWN


def test_a_trial_that_taught_nothing_gives_its_place_to_the_next() -> None:
    breaker = opened()
    breaker.settle(trial_of(breaker, COOL_DOWN), None, COOL_DOWN)
    assert breaker.admits(COOL_DOWN)


def test_calls_that_began_before_it_opened_count_for_nothing() -> None:
    breaker = Breaker()
    slow, slower = trial_of(breaker, 0.0), trial_of(breaker, 0.0)
    fail(breaker, 0.0, FAILURES)
    breaker.settle(slow, True, 1.0)
    assert breaker.state(1.0) is State.OPEN
    breaker.settle(trial_of(breaker, COOL_DOWN), True, COOL_DOWN)
    breaker.settle(slower, False, COOL_DOWN)
    fail(breaker, COOL_DOWN, FAILURES - 1)
    assert breaker.state(COOL_DOWN) is State.CLOSED


def test_many_failures_of_one_moment_are_one_failure() -> None:
    breaker = Breaker()
    together = [trial_of(breaker, 0.0) for _ in range(20)]
    for ticket in together:
        breaker.settle(ticket, False, 0.03)
    assert breaker.state(0.03) is State.CLOSED
    fail(breaker, 0.04, FAILURES - 2)
    assert breaker.state(0.04) is State.CLOSED
    fail(breaker, 0.04)
    assert breaker.state(0.04) is State.OPEN


def test_calls_under_way_together_that_fail_one_after_the_other_open_it_within_seconds() -> None:
    breaker = Breaker()
    together = [trial_of(breaker, 0.0) for _ in range(20)]
    for number, ticket in enumerate(together[:FAILURES]):
        breaker.settle(ticket, False, number * MOMENT)
    assert breaker.state((FAILURES - 1) * MOMENT) is State.OPEN


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.just(0)),
        st.tuples(st.just("settle"), st.tuples(st.integers(0, 20), st.sampled_from([True, False, None]))),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 30.0, 60.0, 61.0])),
    ),
    max_size=80,
)


@given(EVENTS)
def test_whatever_happens_an_open_breaker_stays_so_for_a_minute_and_then_tries_one_call_at_a_time(
    events: list[tuple[str, Any]],
) -> None:
    breaker, now = Breaker(), 0.0
    tickets: list[tuple[Ticket, State]] = []
    opened_at: float | None = None
    for kind, argument in events:
        before = breaker.state(now)
        if kind == "wait":
            now += argument
        elif kind == "admit":
            ticket = breaker.admit(now)
            assert before is not State.OPEN or ticket is None
            if ticket is not None:
                tickets.append((ticket, before))
        elif tickets:
            index, worked = argument
            breaker.settle(tickets.pop(index % len(tickets))[0], worked, now)
        after = breaker.state(now)
        if after is State.OPEN and before is not State.OPEN:
            opened_at = now
        if opened_at is not None and now < opened_at + COOL_DOWN:
            assert after is State.OPEN
        if after is State.HALF_OPEN:
            current = [
                ticket for ticket, state in tickets if state is State.HALF_OPEN and ticket.changes == breaker._changes
            ]
            assert len(current) <= 1
            assert breaker.admits(now) == (not current), "a trial under way, and nothing else, keeps calls out"
