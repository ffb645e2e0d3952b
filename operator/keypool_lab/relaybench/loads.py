"""The loads: one connection, several of them, many streams. What they cost the target is measured elsewhere."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from statistics import median
from typing import cast

from keypool_lab.bench.failures import BenchError
from keypool_lab.bench.figures import percentile
from keypool_lab.relaybench.asking import Connection, Gone, request

_SAID = re.compile(rb'"content":"(\d+) ([\d.]+) "')
OPENING_SECONDS = 1.0
"""Over which streams are begun, so that they do not speak at the same moment."""


async def one_by_one(port: int, seconds: float) -> list[float]:
    """How long each request took, in seconds."""
    connection, raw, took = await Connection.open(port), request(port), []
    try:
        await _answered(connection, raw)
        until = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < until:
            await _answered(connection, raw)
            took.append(time.perf_counter() - begin)
    finally:
        connection.close()
    return took


async def at_once(port: int, connections: int, seconds: float) -> int:
    """How many requests were answered; each connection asks as soon as it has its answer."""
    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_asking(port, until) for _ in range(connections))))


async def _asking(port: int, until: float) -> int:
    connection, raw, count = await Connection.open(port), request(port), 0
    try:
        while time.perf_counter() < until:
            await _answered(connection, raw)
            count += 1
    finally:
        connection.close()
    return count


async def _answered(connection: Connection, raw: bytes) -> None:
    try:
        reply = await connection.ask(raw)
    except Gone as gone:
        raise BenchError(f"a connection was closed in the middle of a measurement: {gone}") from None
    if reply.status != 200:
        raise BenchError(f"a request was answered with HTTP {reply.status}: {reply.body[:300]!r}")


@dataclass(slots=True)
class Heard:
    """What came of streams: `events` in order, `late` in seconds for each."""

    asked: int
    events: int = 0
    ended: int = 0
    late: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    """The mean lateness of each stream, in seconds."""

    @property
    def lost(self) -> int:
        """Events that were asked for and did not come in their order."""
        return self.asked - self.events

    def late_ms(self, percent: float) -> float:
        """Of that many per cent at most."""
        return percentile(self.late, percent) * 1000 if self.late else 0.0

    def unfairness(self) -> float:
        """How many times as late as the usual stream the worst one is, on the whole."""
        return max(self.means) / median(self.means) if self.means else 0.0


class _Listening(asyncio.Protocol):
    """One stream; it takes every event that is the next one."""

    def __init__(self, heard: Heard, raw: bytes) -> None:
        self._heard, self._raw = heard, raw
        self._rest, self._next, self._late = b"", 0, 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        now, got, heard, end = time.monotonic(), self._rest + data, self._heard, 0
        for found in _SAID.finditer(got):
            end = found.end()
            if int(found[1]) == self._next:
                self._next += 1
                heard.events += 1
                heard.late.append(now - float(found[2]))
                self._late += heard.late[-1]
        self._rest = got[max(end, len(got) - 256) :]
        if self._rest.endswith(b"0\r\n\r\n"):
            heard.ended += b"[DONE]" in self._rest
            self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """Called by asyncio."""
        if not self.done.done():
            self.done.set_result(None)
            if self._next:
                self._heard.means.append(self._late / self._next)


async def streams(port: int, count: int, rate: float, events: int) -> Heard:
    """So many streams side by side. One that ends early counts as lost, and fails nothing."""
    heard = Heard(count * events)
    raw = request(port, stream=True, lab={"events": events, "rate": rate})
    loop, began, all_of_them = asyncio.get_running_loop(), time.monotonic(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + OPENING_SECONDS * number / count - time.monotonic()))
        _, one = await loop.create_connection(lambda: _Listening(heard, raw), "127.0.0.1", port)
        all_of_them.append(one)
    ended = asyncio.gather(*(one.done for one in all_of_them))
    try:
        async with asyncio.timeout(OPENING_SECONDS + events / rate + 60):
            await ended
    except TimeoutError:
        for one in all_of_them:
            one._transport.abort()
    return heard
