"""A provider that answers with whatever bytes a test wants, and keeps count."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Heard:
    """A request as it came in."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode()

    def header(self, name: str) -> str | None:
        """The last one of that name."""
        found = re.findall(rf"(?im)^{name}:\s*(.*?)\r?$", self.head.decode())
        return found[-1] if found else None

    @property
    def key(self) -> str:
        """The credential that it brought."""
        return (self.header("authorization") or "").removeprefix("Bearer ")


Answer = Callable[[Heard, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Upstream:
    """Answers each request by `answer`, until that closes the connection."""

    answer: Answer
    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    open: int = 0
    """Connections at this moment."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        try:
            while not writer.is_closing():
                heard = await _read(reader)
                self.heard.append(heard)
                await _unless_gone(reader, self.answer(heard, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Heard:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return Heard(head, body)
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return Heard(head, await reader.readexactly(int(length[1])) if length else b"")


async def _unless_gone(reader: asyncio.StreamReader, answering: Awaitable[None]) -> None:
    """An answer ends when the other side closes the connection."""
    task = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(_gone(reader))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionResetError
        task.result()
    finally:
        for each in (task, gone):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await each


async def _gone(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof():
        if reader._buffer:  # type: ignore[attr-defined]  # the next request on this connection
            await asyncio.Event().wait()
        await reader._wait_for_data("gone")  # type: ignore[attr-defined]


@asynccontextmanager
async def upstream(answer: Answer) -> AsyncIterator[Upstream]:
    """Serves until the block ends; the URL ends in /v1."""
    served = Upstream(answer)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        for writer in list(getattr(server, "_clients", [])):
            writer.abort()


def full(body: bytes, status: str = "200 OK", kind: str = "application/json", more: bytes = b"") -> bytes:
    """A whole answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n".encode()
    return head + more + b"\r\n" + body


def chunk(data: bytes) -> bytes:
    """One piece of a chunked answer."""
    return b"%x\r\n%s\r\n" % (len(data), data)


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHAT = b'{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}'  # noqa: E501


def delta(text: str) -> bytes:
    """An event with content."""
    return (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % text.encode()
    )


DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"
