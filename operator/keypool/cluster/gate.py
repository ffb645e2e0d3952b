"""Who may send a request to the API server now: namespaces take turns, and the answer to a leak waits for nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from keypool.cluster.errors import Unavailable
from keypool.core.queueing import UrgentFirst
from keypool.errand import ERRAND

URGENT_SHARE = 4
"""One in so many connections is for what is urgent alone."""

_Waiter = asyncio.Future[None]


class Gate:
    """At most `total` are inside at once; all but those on an urgent errand leave some room to these."""

    def __init__(self, total: int) -> None:
        self._free, self._kept = total, total // URGENT_SHARE
        self._lines: dict[str, UrgentFirst[_Waiter]] = {}
        self._turns: UrgentFirst[str] = UrgentFirst()

    @contextlib.asynccontextmanager
    async def turn(self, call: str, seconds: float) -> AsyncIterator[None]:
        """Inside, a request may be sent. Raises Unavailable when its turn does not come in so many seconds."""
        errand = ERRAND.get()
        urgent = errand is not None and errand.urgent
        if not self._has_room(urgent=urgent) or self._stands_before(urgent=urgent):
            try:
                await self._wait(errand.namespace if errand is not None else "", urgent, seconds)
            except TimeoutError:
                raise Unavailable(call, 0, "no connection was free in time", maybe_done=False) from None
        else:
            self._free -= 1
        try:
            yield
        finally:
            self._free += 1
            self._let_in()

    def _has_room(self, *, urgent: bool) -> bool:
        return self._free > (0 if urgent else self._kept)

    def _stands_before(self, *, urgent: bool) -> bool:
        return self._turns.urgent if urgent else len(self._turns) > 0

    async def _wait(self, namespace: str, urgent: bool, seconds: float) -> None:
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(namespace, UrgentFirst())
        line.put(waiter, urgent=urgent)
        self._turns.put(namespace, urgent=urgent)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # its turn came at that very moment: it goes to others
                self._free += 1
            else:
                line.discard(waiter)
                self._relist(namespace)
            self._let_in()
            raise

    def _let_in(self) -> None:
        while len(self._turns) and self._has_room(urgent=self._turns.urgent):
            namespace = self._turns.pop()
            waiter = self._lines[namespace].pop()
            self._relist(namespace)
            if not waiter.done():
                self._free -= 1
                waiter.set_result(None)

    def _relist(self, namespace: str) -> None:
        self._turns.discard(namespace)
        line = self._lines.get(namespace)
        if line:
            self._turns.put(namespace, urgent=line.urgent)
        else:
            self._lines.pop(namespace, None)
