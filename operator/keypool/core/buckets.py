"""Buckets of tokens: so many at once, and one more each so many seconds. No I/O, no clock of its own.

What was taken is counted, not what is left: so a bucket that is larger than before has more at once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

REMEMBERED = 10_000
"""Those that were used last are remembered."""


@dataclass(slots=True)
class _Bucket:
    taken: float
    at: float


class Buckets:
    """`clock`: seconds."""

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        self._clock, self._remembered = clock, remembered
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def wait(self, key: Hashable, burst: float, refill: float) -> float:
        """Seconds until the bucket, which holds `burst` at most, has a token; 0 while it has one."""
        bucket = self._filled(key, refill)
        return max(bucket.taken + 1 - burst, 0.0) * refill

    def take(self, key: Hashable) -> None:
        """One token of a bucket that has one."""
        self._buckets[key].taken += 1

    def _filled(self, key: Hashable, refill: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(0.0, now))
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        bucket.taken, bucket.at = max(bucket.taken - max(now - bucket.at, 0.0) / refill, 0.0), now
        return bucket
