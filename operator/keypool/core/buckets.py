"""Buckets of tokens: so many at once, and one more each so many seconds. No I/O, no clock of its own."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

REMEMBERED = 10_000
"""Those that were used last are remembered."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """`clock`: seconds."""

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        self._clock, self._remembered = clock, remembered
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def wait(self, key: Hashable, burst: float, refill: float) -> float:
        """Seconds until the bucket, which holds `burst` at most, has a token; 0 while it has one."""
        bucket = self._filled(key, burst, refill)
        return max(1 - bucket.tokens, 0.0) * refill

    def take(self, key: Hashable) -> None:
        """One token of a bucket that has one."""
        self._buckets[key].tokens -= 1

    def _filled(self, key: Hashable, burst: float, refill: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(burst, now))
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        bucket.tokens, bucket.at = min(burst, bucket.tokens + max(now - bucket.at, 0.0) / refill), now
        return bucket
