"""The rules of leader election: who may take the Lease, judged on one's own clock only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keypool.cluster.election import Record, Timing, may_take, released, renewed, sight, taken

WALL = datetime(2030, 1, 1, tzinfo=UTC)
TIMING = Timing()


def held(holder: str = "them", at: datetime = WALL, duration: float = 15) -> dict[str, Any]:
    """A Lease taken at a time of the holder's clock."""
    return taken({"metadata": {}, "spec": {}}, holder, Timing(duration, duration - 5), at)


def test_a_free_lease_and_ones_own_may_be_taken() -> None:
    assert may_take(sight(None, Record.of({"spec": {}}), 0), "us", TIMING, 0)
    assert may_take(sight(None, Record.of(held("us")), 0), "us", TIMING, 0)


def test_a_silent_holders_lease_is_free_after_the_duration_counted_from_the_first_look() -> None:
    seen = sight(None, Record.of(held()), 100)
    seen = sight(seen, Record.of(held()), 112)
    assert not may_take(seen, "us", TIMING, 114.9)
    assert may_take(seen, "us", TIMING, 115)


def test_each_renewal_begins_the_count_anew_however_wrong_the_holders_clock_is() -> None:
    seen = sight(None, Record.of(held()), 100)
    for number, clock in enumerate((WALL - timedelta(days=400), WALL + timedelta(days=400), WALL)):
        lease = renewed(held(), TIMING, clock + timedelta(seconds=number))
        seen = sight(seen, Record.of(lease), 110 + 10 * number)
        assert not may_take(seen, "us", TIMING, 124.9 + 10 * number)
    assert may_take(seen, "us", TIMING, 145)


def test_the_longer_of_both_durations_counts() -> None:
    seen = sight(None, Record.of(held(duration=60)), 0)
    assert not may_take(seen, "us", TIMING, 59)
    assert may_take(seen, "us", TIMING, 60)


def test_a_released_lease_is_free_at_once_and_its_transitions_go_on() -> None:
    lease = released(held(), WALL)
    assert may_take(sight(None, Record.of(lease), 0), "us", TIMING, 0)
    assert Record.of(taken(lease, "us", TIMING, WALL)).transitions == 2


def test_each_taking_is_a_transition_and_a_renewal_is_none() -> None:
    lease = taken(held("us"), "us", TIMING, WALL)
    assert Record.of(lease).transitions == 2
    assert Record.of(renewed(lease, TIMING, WALL)).transitions == 2


@pytest.mark.parametrize("wrong", [(10, 10, 2, 3), (15, 2, 2, 3), (15, 10, 0, 3), (15, 10, 2, 0)])
def test_settings_that_would_let_two_lead_are_refused(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="leader election"):
        Timing(*wrong)
