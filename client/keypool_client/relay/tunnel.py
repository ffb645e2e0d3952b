"""A WebSocket of the openai dialect: after the provider's 101, bytes go both ways as they come."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import StreamReader, web
from aiohttp.http import StreamWriter
from multidict import CIMultiDict

from keypool_client.relay.answers import Answer
from keypool_client.relay.asked import Asked

LIMIT = 64 * 1024
UPGRADED = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


class _Feed:
    """What aiohttp hands a connection's bytes to, once it speaks no HTTP any more."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Keeps them; the reader stops the connection where they are too many."""
        self._reader.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        """The other side has closed."""
        self._reader.feed_eof()


async def join(answer: Answer, asked: Asked, headers: CIMultiDict[str]) -> web.StreamResponse:
    """Until one of both sides closes."""
    loop, client = asyncio.get_running_loop(), asked.http
    connection = None if answer.rest is None else answer.rest.connection
    if connection is None or connection.protocol is None:
        raise ConnectionResetError
    headers.extend(UPGRADED)
    out = web.StreamResponse(status=101, reason=answer.reason, headers=headers)
    await out.prepare(client)
    theirs = StreamReader(connection.protocol, LIMIT, loop=loop)
    ours = StreamReader(client.protocol, LIMIT, loop=loop)
    to_provider = StreamWriter(connection.protocol, loop)
    connection.protocol.set_parser(_Feed(theirs), theirs)
    client.protocol.set_parser(_Feed(ours))  # type: ignore[arg-type]  # it needs these two methods
    up = asyncio.create_task(_pump(ours, _writes(connection.transport, to_provider.drain)))
    down = asyncio.create_task(_pump(theirs, _writes(client.transport, client.writer.drain)))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task
        answer.close()
    return out


def _writes(
    transport: asyncio.BaseTransport | None, drain: Callable[[], Awaitable[None]]
) -> Callable[[bytes], Awaitable[None]]:
    async def write(data: bytes) -> None:
        if not isinstance(transport, asyncio.WriteTransport) or transport.is_closing():
            raise ConnectionResetError
        transport.write(data)
        await drain()

    return write


async def _pump(reader: StreamReader, write: Callable[[bytes], Awaitable[None]]) -> None:
    while data := await reader.readany():
        await write(data)
