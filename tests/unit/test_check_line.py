"""Provider objects at one host share a line for the checks of their credentials."""

import heapq
from itertools import pairwise

from keypool.reconcile.attempt import CHECK
from keypool.reconcile.check_line import A_SECOND, MOST_HOSTS, CheckLine

EVERY = CHECK.total_seconds()


class Clock:
    """Seconds as they are set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def checks(objects: int, seconds: float) -> list[tuple[float, int]]:
    """When which object was checked: all became due at once, as after a restart, and come back when they are told."""
    clock = Clock()
    line, found = CheckLine(clock), list[tuple[float, int]]()
    looks = [(EVERY, number) for number in range(objects)]
    while looks and looks[0][0] < seconds:
        clock.now, number = heapq.heappop(looks)
        wait = line.wait(str(number), "gateway")
        if not wait:
            found.append((clock.now, number))
        heapq.heappush(looks, (clock.now + (wait or EVERY), number))
    return found


def test_a_few_objects_are_checked_every_four_minutes() -> None:
    found = checks(100, 4 * EVERY)
    for number in range(100):
        times = [0.0, *(at for at, who in found if who == number)]
        assert max(later - at for at, later in pairwise(times)) <= EVERY + 100 / A_SECOND
        assert len(times) >= 4


def test_many_objects_make_no_more_than_so_many_checks_a_second_and_nobody_is_left_out() -> None:
    objects = 3000
    found = checks(objects, EVERY + 2 * objects / A_SECOND + 1)
    seconds = [int(at) for at, _ in found]
    assert max(map(seconds.count, set(seconds))) <= A_SECOND + 1
    counts = [0] * objects
    for _, number in found:
        counts[number] += 1
    assert min(counts) >= 2


def test_another_host_has_a_line_of_its_own() -> None:
    line = CheckLine(Clock())
    assert [bool(line.wait(str(number), "gateway")) for number in range(3)] == [False, True, True]
    assert line.wait("x", "elsewhere") == 0
    assert line.wait("1", "elsewhere") > 0, "whoever moves stands in the other line, at its end"


def test_hosts_that_nobody_waits_for_are_forgotten() -> None:
    clock = Clock()
    line = CheckLine(clock)
    for number in range(3 * MOST_HOSTS):
        clock.now += 1
        assert line.wait("u", f"host-{number}") == 0
    assert len(line._free) <= MOST_HOSTS + 1
