"""A provider that answers with whatever bytes a test wants, and keeps count."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar


@dataclass
class Heard:
    """A request as it came in."""

    head: bytes
    body: bytes
    size: int
    """Of the body, which may not be held."""
    reader: asyncio.StreamReader = field(repr=False)
    """What comes after it."""

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


Answer = Callable[[Heard, asyncio.StreamWriter], Coroutine[Any, Any, None]]
T = TypeVar("T")
LOOK_SECONDS = 0.02


@dataclass
class Upstream:
    """Answers each request by `answer`, until that closes the connection."""

    answer: Answer
    hold: bool = True
    """Whether bodies are kept."""
    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    open: int = 0
    """Connections at this moment."""

    def __post_init__(self) -> None:
        self.closing = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        try:
            while not writer.is_closing() and not self.closing.is_set():
                heard = await self._unless_gone(reader, _read(reader, hold=self.hold))
                self.heard.append(heard)
                await self._unless_gone(reader, self.answer(heard, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _unless_gone(self, reader: asyncio.StreamReader, doing: Coroutine[Any, Any, T]) -> T:
        """Ends when the other side closes the connection, or the test is over."""
        task = asyncio.create_task(doing)
        try:
            while not (reader._eof and not reader._buffer) and not self.closing.is_set():  # type: ignore[attr-defined]
                await asyncio.wait({task}, timeout=LOOK_SECONDS)
                if task.done():
                    return task.result()
            raise ConnectionResetError
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
                await task


async def _read(reader: asyncio.StreamReader, *, hold: bool) -> Heard:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body, total = b"", 0
        while size := int(await reader.readline(), 16):
            piece = await reader.readexactly(size)
            body, total = body + piece if hold else b"", total + size
            await reader.readline()
        await reader.readline()
        return Heard(head, body, total, reader)
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return Heard(head, body, len(body), reader)


@asynccontextmanager
async def upstream(answer: Answer, *, hold: bool = True, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Serves until the block ends; the URL ends in /v1."""
    served = Upstream(answer, hold)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls)
    served.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        served.closing.set()


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
