"""An HTTP proxy for tests: CONNECT alone, on loopback, told how to answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.waiting import within


@dataclass
class ConnectProxy:
    """`asked` are the targets, `heads` the whole requests. `answer` other than "200" refuses; `cuts` ends the
    connection instead of answering, `hangs` does nothing. Whatever it is asked for, it connects to `leads_to` on
    loopback; only to the targets in `reaches`, where there are any."""

    leads_to: int = 0
    answer: str = "200"
    cuts: bool = False
    hangs: bool = False
    reaches: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    port: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = head.split(" ")[1]
            self.heads.append(head)
            self.asked.append(target)
            if self.hangs:
                await reader.read()
            elif not self.cuts:
                await self._answer(target, reader, writer)
        writer.close()

    async def _answer(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unreachable = self.reaches and target not in self.reaches
        status = "502" if unreachable else self.answer
        writer.write(f"HTTP/1.1 {status} Said\r\n\r\n".encode())
        await writer.drain()
        if status != "200":
            return
        there = await asyncio.open_connection("127.0.0.1", self.leads_to)
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes on what comes, to the end."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def running(proxy: ConnectProxy) -> AsyncIterator[ConnectProxy]:
    """The proxy on a free port. At the end its connections are closed, and all that works on them ends by that."""
    writers, tasks = list[asyncio.StreamWriter](), list[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.create_task(proxy.handle(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await within(asyncio.gather(*tasks), 5)
        await server.wait_closed()
