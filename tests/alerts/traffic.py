"""Generated use of pools: rhythm of day and week, noise, growth, and what happens to counters; the same at every run.

A series has one value for each `STEP` minutes; None where nothing was scraped. Time begins at midnight, on a Thursday
as for the clock of Unix.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

STEP = 15
HOUR = 60 // STEP
DAY = 24 * HOUR

Series = list[float | None]
# What a pool does in the hour that begins at a number of hours since the start: requests per hour.
Rhythm = Callable[[float], float]


def weekday(hour: float) -> bool:
    """Whether this is Monday to Friday."""
    return (hour // 24 + 3) % 7 < 5


def office(hour: float) -> float:
    """People at work: little at night, a third at weekends."""
    day = 0.06 + math.exp(-(((hour % 24 - 14) / 4) ** 2))
    return day * (1.0 if weekday(hour) else 0.3)


def leisure(hour: float) -> float:
    """People at home: evenings, and more at weekends."""
    evening = 0.15 + math.exp(-(((hour % 24 - 20) / 3) ** 2))
    return evening * (1.0 if weekday(hour) else 1.8)


def steady(hour: float) -> float:
    """Machines, day and night."""
    return 1.0


def nightly(hour: float) -> float:
    """A job from two to three at night, some minutes earlier or later, and next to nothing else."""
    late = math.sin(hour // 24 * 12.9898) / 3
    return 1.0 if 2 <= hour % 24 - late < 3 else 0.01


@dataclass(frozen=True, kw_only=True)
class Use:
    """How a pool is used: `peak` is requests per hour where the rhythm says 1; a request costs `usd` on average.

    `noise` is the standard deviation of an hour's logarithm; `growth` is per day; the pool begins on day `begins` and
    takes a few days to get going.
    """

    pool: str
    rhythm: Rhythm = office
    peak: float = 2000.0
    noise: float = 0.15
    growth: float = 0.0
    usd: float = 0.004
    begins: int = 0


@dataclass(frozen=True)
class Counted:
    """What was used in each step: requests and US dollars."""

    use: Use
    requests: list[float]
    spend: list[float]

    def times(self, factor: float, hours: Iterable[float], *, requests: bool = True) -> "Counted":
        """The same with more use in these hours; without `requests`, only dearer."""
        steps = {round(hour * HOUR) + step for hour in hours for step in range(HOUR)}
        more = [factor if step in steps else 1.0 for step in range(len(self.spend))]
        grown = [n * m for n, m in zip(self.requests, more, strict=True)]
        spend = [n * m for n, m in zip(self.spend, more, strict=True)]
        return Counted(self.use, grown if requests else self.requests, spend)

    def plus(self, per_hour: float, hours: Iterable[float]) -> "Counted":
        """The same with so many requests an hour on top."""
        steps = {round(hour * HOUR) + step for hour in hours for step in range(HOUR)}
        extra = [per_hour / HOUR if step in steps else 0.0 for step in range(len(self.spend))]
        requests = [n + more for n, more in zip(self.requests, extra, strict=True)]
        spend = [n + more * self.use.usd for n, more in zip(self.spend, extra, strict=True)]
        return Counted(self.use, requests, spend)


def counted(use: Use, days: int, seed: int) -> Counted:
    """Chance decides, but the same way at every run."""
    chance = random.Random(f"{seed} {use.pool}")  # noqa: S311
    requests = list(_requests(use, days, chance))
    return Counted(use, requests, [n * use.usd * chance.lognormvariate(0, 0.3) for n in requests])


def _requests(use: Use, days: int, chance: random.Random) -> Iterator[float]:
    mood = 1.0
    for step in range(days * DAY):
        if step % HOUR == 0:
            mood = chance.lognormvariate(0, use.noise)
        age = step / DAY - use.begins
        level = use.peak * min(1.0, max(0.0, age / 4)) if use.begins else use.peak
        expected = level * use.rhythm(step / HOUR) * mood * (1 + use.growth) ** (step / DAY) / HOUR
        yield _poisson(expected, chance)


def _poisson(mean: float, chance: random.Random) -> float:
    """How many of many independent requests fall into a step."""
    if mean > 30:
        return max(0.0, round(chance.gauss(mean, math.sqrt(mean))))
    count, left = 0, chance.expovariate(1)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1)
    return float(count)


def counter(used: list[float], begins: int = 0) -> Series:
    """The counter that sums this up; there is none before the day on which the pool begins."""
    total, series = 0.0, list[float | None]()
    for step, amount in enumerate(used):
        total += amount
        series.append(round(total, 4) if step >= begins * DAY else None)
    return series


def restarts(series: Series, seed: int) -> Series:
    """The operator is away for some minutes about every third day, and for six hours once; its counters go on."""
    chance = random.Random(seed)  # noqa: S311
    gaps = [(chance.randrange(len(series)), chance.randint(1, 6)) for _ in range(len(series) // DAY // 3)]
    gaps.append((len(series) * 2 // 3, 6 * HOUR))
    away = {start + step for start, length in gaps for step in range(length)}
    return [None if step in away else value for step, value in enumerate(series)]


def unread(series: Series, start: int, hours: int) -> Series:
    """The provider tells no usage for some hours: the counter stands still, then makes up for it."""
    stands = range(start, start + hours * HOUR)
    return [series[start] if step in stands else value for step, value in enumerate(series)]


def recreated(series: Series, start: int) -> Series:
    """The pool was deleted and made anew: its counter begins at 0."""
    before = series[start] or 0.0
    return [value if value is None or step < start else round(value - before, 4) for step, value in enumerate(series)]
