"""Thirty quiet days: nothing fires, at no evaluation, whatever is ordinary."""

from pathlib import Path

from tests.alerts.promtool import Rehearsal, counters, pool_series
from tests.alerts.traffic import (
    DAY,
    HOUR,
    STEP,
    Series,
    Use,
    counted,
    leisure,
    nightly,
    recreated,
    restarts,
    steady,
    unread,
)

DAYS = 30
QUIET = (
    Use(pool="office"),
    Use(pool="leisure", rhythm=leisure, peak=900.0),
    Use(pool="steady", rhythm=steady, peak=400.0, noise=0.3),
    Use(pool="nightly", rhythm=nightly, peak=5000.0),
    Use(pool="tiny", peak=6.0, noise=0.5, usd=0.05),
    Use(pool="growing", growth=0.01, peak=300.0),
    Use(pool="new", begins=10, peak=1200.0),
    Use(pool="holiday"),
)
HOLIDAY = range(18 * 24, 20 * 24)


def quiet_series(seed: int) -> dict[str, Series]:
    """Counters of pools of many kinds, through restarts, unread usage, a holiday and a pool made anew."""
    series: dict[str, Series] = {}
    for use in QUIET:
        used = counted(use, DAYS, seed)
        used = used.times(0.2, HOLIDAY) if use.pool == "holiday" else used
        series |= {name: restarts(happened(use.pool, counts), seed) for name, counts in counters(used).items()}
    return series


def happened(pool: str, counts: Series) -> Series:
    """What befalls some counters."""
    if pool == "leisure":
        return unread(counts, 21 * DAY + 15 * HOUR, hours=5)
    return recreated(counts, 25 * DAY) if pool == "steady" else counts


def rotating() -> dict[str, Series]:
    """A pool that rotates each day at noon: at one evaluation it is under way, and not all is as it should be."""
    steps = range(DAYS * DAY)
    noon = [step % DAY == 12 * HOUR for step in steps]
    name = pool_series("keypool_pool_condition", "rotating")[:-1]
    kinds = (
        ("Published", "False", "SecretsDiffer"),
        ("Revoked", "False", "RevocationPending"),
        ("Healthy", "False", "x"),
    )
    series: dict[str, Series] = {
        f'{name},condition="{kind}",status="{status}",reason="{reason}"}}': [1.0 if now else None for now in noon]
        for kind, status, reason in kinds
    }
    late = pool_series("keypool_rotation_late_since_timestamp_seconds", "rotating")
    series[late] = [60.0 * STEP * step if now else None for step, now in zip(steps, noon, strict=True)]
    return {**series, pool_series("keypool_pool_ready", "rotating"): [1.0] * len(noon)}


def rolled_out() -> dict[str, Series]:
    """A replica more for as long as a rollout takes, each third day."""
    takes = range(10 * HOUR, 10 * HOUR + 2)
    steps = range(DAYS * DAY)
    return {
        'keypool_leader{instance="c"}': [0.0 if step > DAY and step % (3 * DAY) in takes else None for step in steps]
    }


def test_no_alert_fires_in_thirty_quiet_days(promtool: Path, tmp_path: Path) -> None:
    """Day and night, all days of the week, a holiday, growth, a new pool, restarts, late usage, rotations, rollouts."""
    rehearsal = Rehearsal({**quiet_series(seed=1), **rotating(), **rolled_out()})
    rehearsal.never("", DAYS * 24)
    assert rehearsal.run(promtool, tmp_path) == ""
