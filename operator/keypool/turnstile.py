"""Who may send a request now, of those that share connections: namespaces take turns, and the answer to a leak goes
before all else."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from keypool.core.queueing import UrgentFirst
from keypool.errand import ERRAND

URGENT_SHARE = 4
"""One in so many places is for what is urgent alone."""

_Waiter = asyncio.Future[None]


class NoTurn(Exception):
    """The turn did not come in time. Nothing was sent."""


class Turnstile:
    """At most `total` are inside at once; all but those on an urgent errand leave some room to these. Of one namespace,
    at most `each` are inside (None: any number), and a quarter more of what is urgent."""

    def __init__(self, total: int, each: int | None = None) -> None:
        self._free, self._kept = total, total // URGENT_SHARE
        self._most = {False: each, True: each + each // URGENT_SHARE} if each is not None else {}
        self._inside: Counter[str] = Counter()
        self._lines: dict[str, UrgentFirst[_Waiter]] = {}
        self._turns: UrgentFirst[str] = UrgentFirst()

    @contextlib.asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[None]:
        """Inside, a request may be sent. Raises NoTurn when its turn does not come in so many seconds."""
        errand = ERRAND.get()
        namespace, urgent = (errand.namespace, errand.urgent) if errand is not None else ("", False)
        if self._may_enter(namespace, urgent=urgent):
            self._enter(namespace)
        else:
            await self._wait(namespace, urgent, seconds)
        try:
            yield
        finally:
            self._leave(namespace)

    def _may_enter(self, namespace: str, *, urgent: bool) -> bool:
        stands_before = self._turns.urgent if urgent else len(self._turns) > 0
        return self._has_room(urgent=urgent) and not stands_before and not self._is_full(namespace, urgent=urgent)

    def _has_room(self, *, urgent: bool) -> bool:
        return self._free > (0 if urgent else self._kept)

    def _is_full(self, namespace: str, *, urgent: bool) -> bool:
        return bool(self._most) and self._inside[namespace] >= self._most[urgent]

    def _enter(self, namespace: str) -> None:
        self._free -= 1
        self._inside[namespace] += 1

    def _leave(self, namespace: str) -> None:
        self._free += 1
        self._inside[namespace] -= 1
        if not self._inside[namespace]:
            del self._inside[namespace]
        self._relist(namespace)
        self._let_in()

    async def _wait(self, namespace: str, urgent: bool, seconds: float) -> None:
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._lines.setdefault(namespace, UrgentFirst()).put(waiter, urgent=urgent)
        self._relist(namespace)
        self._let_in()
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():  # its turn came at that very moment: it goes to others
                self._leave(namespace)
            else:
                if (line := self._lines.get(namespace)) is not None:  # it was the last one, and passed over just now
                    line.discard(waiter)
                self._relist(namespace)
                self._let_in()
            if isinstance(error, TimeoutError):
                raise NoTurn from None
            raise

    def _let_in(self) -> None:
        while len(self._turns) and self._has_room(urgent=self._turns.urgent):
            namespace = self._turns.pop()
            waiter = self._lines[namespace].pop()
            if not waiter.done():
                self._enter(namespace)
                waiter.set_result(None)
            self._relist(namespace)

    def _relist(self, namespace: str) -> None:
        """Gives the namespace a turn, one at a time, while one of it waits and may be let in."""
        line = self._lines.get(namespace)
        if not line:
            self._lines.pop(namespace, None)
            self._turns.discard(namespace)
            return
        if self._is_full(namespace, urgent=line.urgent):
            self._turns.discard(namespace)
            return
        if not line.urgent and self._turns.is_urgent(namespace):
            self._turns.discard(namespace)
        self._turns.put(namespace, urgent=line.urgent)
