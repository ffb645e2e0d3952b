"""Counts the keys that people had made of late in each namespace, against what its pools ask for."""

from collections import OrderedDict, deque
from collections.abc import Callable, Set
from datetime import datetime, timedelta

from keypool.cluster.cache import ObjectCache
from keypool.core.pace import COUNTED, FLOOR, FREE, TIMES, WINDOW


class Pace:
    """`now`: the clock; `floor`: between two keys that are made on request for one slot."""

    def __init__(self, cache: ObjectCache, now: Callable[[], datetime], floor: timedelta = FLOOR) -> None:
        self._cache, self._now, self.floor = cache, now, floor
        self._made: OrderedDict[str, deque[datetime]] = OrderedDict()

    def made(self, namespace: str, why: str) -> None:
        """A key was made for a pool there. What leaks, expires or is due by its interval does not count."""
        if why not in COUNTED:
            return
        self._made.setdefault(namespace, deque()).append(self._now())
        self._made.move_to_end(namespace)
        self._forget()

    def room(self, namespace: str) -> int:
        """How many keys people may have made there now."""
        made, oldest = self._made.get(namespace, deque()), self._now() - WINDOW
        while made and made[0] <= oldest:
            made.popleft()
        return max(TIMES * self._cache.sizes.of(namespace) + FREE - len(made), 0)

    def known(self) -> Set[str]:
        """Namespaces of which something is remembered."""
        return self._made.keys()

    def _forget(self) -> None:
        """The namespaces whose last key is long ago, also those that nobody asks about any more."""
        oldest = self._now() - WINDOW
        for namespace, made in tuple(self._made.items()):
            if made and made[-1] > oldest:
                return
            del self._made[namespace]
