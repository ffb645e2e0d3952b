"""Counts the keys that each namespace had made of late, against what its pools ask for."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from keypool.cluster.cache import ObjectCache
from keypool.core.pace import FLOOR, FREE, TIMES, WINDOW


class Pace:
    """`now`: the clock; `floor`: between two keys that are made on request for one slot."""

    def __init__(self, cache: ObjectCache, now: Callable[[], datetime], floor: timedelta = FLOOR) -> None:
        self._cache, self._now, self.floor = cache, now, floor
        self._made: dict[str, deque[datetime]] = {}

    def made(self, namespace: str) -> None:
        """A key was made for a pool there."""
        self._made.setdefault(namespace, deque()).append(self._now())

    def room(self, namespace: str) -> int:
        """How many keys people may have made there now."""
        made, oldest = self._made.get(namespace, deque()), self._now() - WINDOW
        while made and made[0] <= oldest:
            made.popleft()
        if not made:
            self._made.pop(namespace, None)
        return max(TIMES * self._cache.sizes.of(namespace) + FREE - len(made), 0)
