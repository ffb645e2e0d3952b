"""How old what we know is: when each watch was last known to be alive.

A silent watch may be a quiet cluster or a dead connection. So the API server is asked to end each stream after
`STREAM_SECONDS`; a stream counts as alive when it is answered and at each event on it. A healthy watch is therefore
never older than about `STREAM_SECONDS`, even where nothing happens.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from keypool.cluster.cache import Kind, watched

STREAM_SECONDS = 40
STALE = 3.0 * STREAM_SECONDS
"""Seconds after which a watch without a sign of life makes the replica unready."""


class Liveness:
    """One entry for each watched kind and namespace (None: the whole cluster)."""

    def __init__(self, namespaces: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._kinds = clock, watched(tuple(namespaces))
        self._alive: dict[tuple[Kind, str | None], float | None] = {
            (kind, namespace): None for kind in self._kinds for namespace in tuple(namespaces) or (None,)
        }
        self.complete = asyncio.Event()
        """Set when every watch has been alive once: all that existed before is in the cache by then."""

    def mark(self, kind: Kind, namespace: str | None) -> None:
        """The watch of this kind showed a sign of life."""
        where = (kind, namespace) if (kind, namespace) in self._alive else (kind, None)
        if where in self._alive:
            self._alive[where] = self._clock()
            if all(seen is not None for seen in self._alive.values()):
                self.complete.set()

    def ages(self) -> dict[Kind, float | None]:
        """Seconds since the last sign of life, of each kind's most silent watch; None: one was never alive."""
        return {kind: self._age(kind) for kind in self._kinds}

    def complaints(self) -> list[str]:
        """One line for each kind whose watch has been silent for longer than `STALE` seconds, or never spoke."""
        return [
            f"watch of {kind}: " + ("not yet alive" if age is None else f"silent for {age:.0f} s")
            for kind, age in self.ages().items()
            if age is None or age > STALE
        ]

    def _age(self, kind: Kind) -> float | None:
        oldest = 0.0
        for (one, _), seen in self._alive.items():
            if one is kind:
                if seen is None:
                    return None
                oldest = max(oldest, self._clock() - seen)
        return oldest
