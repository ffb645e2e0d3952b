"""A client that asks at a steady rate, whatever comes of it. It tries nothing twice."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from keypool_lab.bench.failures import BenchError
from keypool_lab.relaybench.asking import Connection, Gone, Reply, request
from keypool_lab.relaybench.tally import Seen

TICK_SECONDS = 0.005
STREAM_EVERY = 5
LONGEST = 90.0


class Caller:
    """`async with asking(port, rate, most) as caller`. `phase` is noted with each request as it begins."""

    def __init__(self, port: int, rate: float, most: int) -> None:
        self._port, self._rate, self._most = port, rate, most
        self._idle: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self._changed = asyncio.Condition()
        self._over = False
        self.phase = ""
        self.seen: list[Seen] = []

    @property
    def under_way(self) -> int:
        """Requests that have no answer yet."""
        return len(self._tasks)

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Returns when it is true; looks at it after each request. Raises BenchError."""
        try:
            async with asyncio.timeout(LONGEST), self._changed:
                await self._changed.wait_for(true)
        except TimeoutError:
            raise BenchError(f"{what}: not after {LONGEST:.0f} s and {len(self.seen)} requests") from None

    async def more(self, count: int) -> None:
        """Returns when so many more requests have come to an end."""
        wanted = len(self.seen) + count
        await self.until(lambda: len(self.seen) >= wanted, f"{count} more requests")

    async def settled(self) -> None:
        """Returns when the requests that are under way now have ended."""
        if mine := set(self._tasks):
            await asyncio.wait(mine)

    async def finished(self) -> None:
        """Begins no more requests, and returns when all have ended."""
        self._over = True
        await self.settled()

    async def ask(self) -> None:
        """Goes on until it is cancelled or `finished`."""
        began, launched = time.monotonic(), 0
        while not self._over:
            due = int((time.monotonic() - began) * self._rate) - launched
            for _ in range(min(due, self._most - len(self._tasks))):
                task = asyncio.create_task(self._one(next(self._numbers)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            launched += due
            await asyncio.sleep(TICK_SECONDS)

    async def end(self) -> None:
        """Ends all that is open."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._idle:
            connection.close()

    async def _one(self, number: int) -> None:
        identity, phase, stream = f"lab-{number}", self.phase, number % STREAM_EVERY == 0
        raw = request(self._port, identity=identity, **({"stream": True} if stream else {}))
        reply, whole = await self._reply(raw)
        seen = Seen(
            identity,
            phase,
            reply.status if reply is not None else 0,
            reply.header(b"x-keypool-key-id") if reply is not None else "",
            int(reply.header(b"x-keypool-attempts") or 0) if reply is not None else 0,
            stream,
            whole and (not stream or reply is None or b"[DONE]" in reply.body or reply.status != 200),
            time.monotonic(),
        )
        async with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()

    async def _reply(self, raw: bytes) -> tuple[Reply | None, bool]:
        """What came, and whether it came to its end."""
        try:
            connection = self._idle.pop() if self._idle else await Connection.open(self._port)
        except OSError:
            return None, False
        try:
            reply = await connection.ask(raw)
        except Gone as gone:
            head, end, body = gone.got.partition(b"\r\n\r\n")
            return (Reply(head + end, body) if end else None), False
        if connection.usable:
            self._idle.append(connection)
        return reply, True


@asynccontextmanager
async def asking(port: int, rate: float, most: int) -> AsyncIterator[Caller]:
    """Asks until the block ends, with at most so many requests under way: a slow machine lowers the rate."""
    caller = Caller(port, rate, most)
    task = asyncio.create_task(caller.ask())
    try:
        yield caller
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await caller.end()
