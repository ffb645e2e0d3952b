"""Five anomalies after two ordinary weeks: each is found in time, and nothing was told before it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.alerts.promtool import Rehearsal, counters
from tests.alerts.traffic import Counted, Use, counted

TUESDAY, SATURDAY = 15 * 24, 19 * 24
SECOND_TUESDAY = 8 * 24
OFFICE = Use(pool="office")


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """What changes from the hour `begins` on, the alert it must raise, and within how many hours."""

    begins: int
    change: Callable[[Counted], Counted]
    alert: str = "KeypoolUnusualRequests"
    within: int


def slowly_fourfold(used: Counted) -> Counted:
    """An hour after the other a little more, until it is four times as much."""
    for hour in range(24):
        used = used.times(1 + 3 * (hour + 1) / 24, [TUESDAY + hour])
    return used


NIGHT_BURST = Anomaly(
    begins=TUESDAY + 2,
    change=lambda used: used.times(10, [TUESDAY + 2]),
    within=1,
)
SLOW_RISE = Anomaly(begins=TUESDAY, change=slowly_fourfold, alert="KeypoolUnusualRequestsDay", within=24)
LEAKED_KEY = Anomaly(
    begins=TUESDAY + 3,
    change=lambda used: used.plus(700, [TUESDAY + 3, TUESDAY + 4]),
    within=1,
)
WEEKEND_FLOOD = Anomaly(
    begins=SATURDAY + 12,
    change=lambda used: used.times(4.5, range(SATURDAY + 12, SATURDAY + 20)),
    within=2,
)
DEARER_CALLS = Anomaly(
    begins=TUESDAY + 10,
    change=lambda used: used.times(8, range(TUESDAY + 10, TUESDAY + 14), requests=False),
    alert="KeypoolUnusualSpend",
    within=1,
)
FIRST_WEEKS = Anomaly(
    begins=SECOND_TUESDAY + 14,
    change=lambda used: used.times(6, range(SECOND_TUESDAY + 14, SECOND_TUESDAY + 18)),
    within=1,
)


def rehearsed(anomaly: Anomaly) -> Rehearsal:
    """The anomaly in an office's pool, and nothing before it."""
    end = anomaly.begins + anomaly.within
    used = anomaly.change(counted(OFFICE, end // 24 + 1, seed=2))
    rehearsal = Rehearsal(counters(used))
    rehearsal.quiet(anomaly.begins)
    rehearsal.fired(anomaly.alert, OFFICE.pool, anomaly.begins, end)
    return rehearsal


@pytest.mark.parametrize(
    "anomaly",
    [
        pytest.param(NIGHT_BURST, id="ten times as much for an hour at night, within the hour"),
        pytest.param(SLOW_RISE, id="slowly four times as much over a day, within the day"),
        pytest.param(LEAKED_KEY, id="a leaked key that is used at three at night, within the hour"),
        pytest.param(WEEKEND_FLOOD, id="a weekend flood no higher than weekdays are, within two hours"),
        pytest.param(DEARER_CALLS, id="spend eight times as high while requests are not, within the hour"),
    ],
)
def test_an_anomaly_is_found_in_time(anomaly: Anomaly, promtool: Path, tmp_path: Path) -> None:
    """Five of five."""
    assert rehearsed(anomaly).run(promtool, tmp_path) == ""


def test_an_anomaly_is_found_in_a_pools_second_week(promtool: Path, tmp_path: Path) -> None:
    """As long as there is one week to compare with, the busiest hour of it is what counts."""
    assert rehearsed(FIRST_WEEKS).run(promtool, tmp_path) == ""


def test_dearer_calls_are_not_called_more_requests(promtool: Path, tmp_path: Path) -> None:
    """Each alert tells what grew."""
    rehearsal = rehearsed(DEARER_CALLS)
    hour = DEARER_CALLS.begins + DEARER_CALLS.within
    rehearsal.never("KeypoolUnusualRequests", hour)
    assert rehearsal.run(promtool, tmp_path) == ""
