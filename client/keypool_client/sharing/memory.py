"""A store in memory: for relays of one process."""

import itertools
from collections import deque
from collections.abc import Callable, Sequence

from keypool_client.sharing.port import MOST_KEPT, MOST_READ


class MemoryStore:
    """Keeps entries as the other store does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` tells seconds."""
        self._clock, self._count = clock, itertools.count()
        self._pools: dict[str, deque[tuple[int, bytes, bytes]]] = {}

    async def now(self) -> int:
        """See Store."""
        return int(self._clock() * 1000)

    async def read(self, pool: str, after: int) -> Sequence[tuple[bytes, bytes]]:
        """See Store."""
        found = [(mark, entry) for when, mark, entry in reversed(self._pools.get(pool, ())) if when >= after]
        return found[:MOST_READ]

    async def write(self, entries: Sequence[tuple[str, bytes]]) -> Sequence[bool]:
        """See Store."""
        now = await self.now()
        for pool, entry in entries:
            mark = str(next(self._count)).encode()
            self._pools.setdefault(pool, deque(maxlen=MOST_KEPT)).append((now, mark, entry))
        return [True] * len(entries)

    async def close(self) -> None:
        """See Store."""
