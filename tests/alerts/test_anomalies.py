"""Five anomalies after two ordinary weeks: each is found in time, and nothing was told before it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.alerts.promtool import Rehearsal, counters
from tests.alerts.traffic import Counted, Use, counted, steady

# Hours since the start, a Thursday.
SECOND_FRIDAY, THIRD_FRIDAY, THIRD_SATURDAY = 8 * 24, 15 * 24, 16 * 24
OFFICE = Use(pool="office")
MACHINES = Use(pool="machines", rhythm=steady, peak=400.0)


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """What changes in a pool from the hour `begins` on; `alert` has to fire `within` so many hours, `without` not."""

    pool: str
    begins: int
    change: Callable[[Counted], Counted]
    alert: str
    within: int
    without: str = "KeypoolPoolSilent"


def slowly_fourfold(used: Counted) -> Counted:
    """A little more each hour, until it is four times as much."""
    for hour in range(24):
        used = used.times(1 + 3 * (hour + 1) / 24, [THIRD_FRIDAY + hour])
    return used


FIVE = (
    Anomaly(
        pool="ten-times-as-much-for-an-hour-at-night",
        begins=THIRD_FRIDAY + 2,
        change=lambda used: used.times(10, [THIRD_FRIDAY + 2]),
        alert="KeypoolUnusualRequests",
        within=1,
    ),
    Anomaly(
        pool="slowly-four-times-as-much-over-a-day",
        begins=THIRD_FRIDAY,
        change=slowly_fourfold,
        alert="KeypoolUnusualRequestsDay",
        within=24,
    ),
    Anomaly(
        pool="leaked-key-at-three-at-night",
        begins=THIRD_FRIDAY + 3,
        change=lambda used: used.plus(700, [THIRD_FRIDAY + 3]),
        alert="KeypoolUnusualRequests",
        within=1,
    ),
    Anomaly(
        pool="weekend-flood-no-higher-than-weekdays",
        begins=THIRD_SATURDAY + 12,
        change=lambda used: used.times(4.5, range(THIRD_SATURDAY + 12, THIRD_SATURDAY + 20)),
        alert="KeypoolUnusualRequests",
        within=2,
    ),
    Anomaly(
        pool="eight-times-the-spend-of-the-same-requests",
        begins=THIRD_FRIDAY + 10,
        change=lambda used: used.times(8, range(THIRD_FRIDAY + 10, THIRD_FRIDAY + 14), requests=False),
        alert="KeypoolUnusualSpend",
        within=1,
        without="KeypoolUnusualRequests",
    ),
)
IN_THE_SECOND_WEEK = Anomaly(
    pool="only-a-week-to-compare-with",
    begins=SECOND_FRIDAY + 14,
    change=lambda used: used.times(6, range(SECOND_FRIDAY + 14, SECOND_FRIDAY + 16)),
    alert="KeypoolUnusualRequests",
    within=1,
)
SILENCE = Anomaly(
    pool="never-silent-before",
    begins=THIRD_FRIDAY,
    change=lambda used: used.times(0, range(THIRD_FRIDAY, THIRD_FRIDAY + 8)),
    alert="KeypoolPoolSilent",
    within=8,
    without="KeypoolUnusualRequests",
)


def rehearsed(*anomalies: Anomaly, use: Use) -> Rehearsal:
    """Each anomaly in a pool of its own that is otherwise used like this."""
    rehearsal = Rehearsal()
    days = max(anomaly.begins + anomaly.within for anomaly in anomalies) // 24 + 1
    for anomaly in anomalies:
        pool, end = anomaly.pool, anomaly.begins + anomaly.within
        rehearsal.series |= counters(anomaly.change(counted(replace(use, pool=pool), days, seed=2)))
        rehearsal.never(f'pool="{pool}"', anomaly.begins)
        rehearsal.fired(f'alertname="{anomaly.alert}",pool="{pool}"', anomaly.begins, end)
        rehearsal.never(f'alertname="{anomaly.without}",pool="{pool}"', end)
    return rehearsal


def test_five_of_five_anomalies_are_found_in_time(promtool: Path, tmp_path: Path) -> None:
    """Bursts and leaked keys within the hour, a weekend flood within two, a slow rise within the day."""
    assert rehearsed(*FIVE, use=OFFICE).run(promtool, tmp_path) == ""


def test_an_anomaly_is_found_in_a_pools_second_week(promtool: Path, tmp_path: Path) -> None:
    """While there is one week to compare with, its busiest hour is what counts."""
    assert rehearsed(IN_THE_SECOND_WEEK, use=OFFICE).run(promtool, tmp_path) == ""


def test_a_pool_that_falls_silent_is_told(promtool: Path, tmp_path: Path) -> None:
    """Where six hours never passed without requests, that they do is news."""
    assert rehearsed(SILENCE, use=MACHINES).run(promtool, tmp_path) == ""
