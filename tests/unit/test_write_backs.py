"""A status that somebody writes again and again is written back after growing pauses; what is new is not held up."""

from datetime import timedelta

from keypool.reconcile.memory import AT_ONCE, CALM, LONGEST_REPAIR
from keypool.reconcile.write_backs import WriteBacks
from tests.unit.core.builders import NOW

OURS = {"replicas": 2}


class Fight:
    """Somebody changes the status as soon as it is written."""

    def __init__(self) -> None:
        self.now = NOW
        self.statuses = WriteBacks(lambda: self.now)

    def writes(self, seconds: float, status: dict[str, int] = OURS) -> int:
        """How often it is written in that time."""
        until, count = self.now + timedelta(seconds=seconds), 0
        while self.now < until:
            wait = self.statuses.wait("a", status)
            if not wait:
                self.statuses.written("a", status)
                count += 1
            self.now += timedelta(seconds=max(wait, 0.05))
        return count


def test_a_few_changes_are_written_back_at_once_and_more_after_pauses_of_up_to_a_minute() -> None:
    fight = Fight()
    assert fight.writes(1) == 1 + AT_ONCE
    assert fight.writes(600) < 20
    fight.statuses.written("a", OURS)
    assert fight.statuses.wait("a", OURS) == LONGEST_REPAIR.total_seconds()


def test_what_is_new_is_written_at_once_whatever_is_fought_over() -> None:
    fight = Fight()
    fight.writes(60)
    assert fight.statuses.wait("a", {"replicas": 1}) == 0
    fight.statuses.written("a", {"replicas": 1})
    assert fight.statuses.wait("a", {"replicas": 1}) == 0


def test_another_object_waits_for_no_fight() -> None:
    fight = Fight()
    fight.writes(60)
    assert fight.statuses.wait("b", OURS) == 0


def test_a_fight_that_is_over_is_forgotten() -> None:
    fight = Fight()
    fight.writes(10)
    fight.now += LONGEST_REPAIR + CALM + timedelta(seconds=1)
    fight.statuses.written("a", OURS)
    assert fight.statuses.wait("a", OURS) == 0
    fight.statuses.forget("a")
    assert fight.statuses.wait("a", OURS) == 0
