"""A client that costs little: one connection, one request at a time, no library in between."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, Self, cast

MODEL = "lab-chat"
PATH = "/v1/chat/completions"
SECONDS = 60.0
"""For an answer: far more than any takes."""
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_END = b"\r\n0\r\n\r\n"


class Gone(Exception):
    """The connection was closed before the answer's end; `got`: what had come."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"closed after {len(got)} bytes")
        self.got = got


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    head: bytes
    body: bytes
    """With its framing, where it came in chunks."""

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.head[9:12])

    def header(self, name: bytes) -> str:
        """A header's value; empty where there is none."""
        found = re.search(rb"(?i)\r\n" + re.escape(name) + rb": *([^\r]*)", self.head)
        return found[1].decode() if found else ""


def request(port: int, *, identity: str = "", **more: Any) -> bytes:  # noqa: ANN401 - it goes into JSON
    """A chat as it stands on the wire."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "How are you?"}], **more}).encode()
    known = f"Idempotency-Key: {identity}\r\n" if identity else ""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer any-text-will-do\r\n{known}"
        f"Accept: */*\r\nUser-Agent: lab\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """`await connection.ask(raw)`."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._body_at = -1
        self._whole: int | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self.usable = True

    @classmethod
    async def open(cls, port: int) -> Self:
        """Raises OSError."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    async def ask(self, raw: bytes) -> Reply:
        """The answer. Raises Gone, TimeoutError."""
        if not self.usable:
            raise Gone(b"")
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._transport.write(raw)
        deadline = asyncio.get_running_loop().call_later(SECONDS, self._transport.abort)
        try:
            return await waiting
        finally:
            deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._got += data
        if self._body_at < 0:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body_at = end + 4
            length = _LENGTH.search(self._got, 0, end + 2)
            self._whole = self._body_at + int(length[1]) if length else None
        complete = len(self._got) >= self._whole if self._whole is not None else self._got.endswith(_END)
        if complete and self._waiting is not None and not self._waiting.done():
            raw = bytes(self._got)
            self._waiting.set_result(Reply(raw[: self._body_at], raw[self._body_at :]))
            self._got.clear()
            self._body_at = -1

    def connection_lost(self, _: Exception | None) -> None:
        """Called by asyncio."""
        self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Gone(bytes(self._got)))

    def close(self) -> None:
        """Ends it."""
        self.usable = False
        self._transport.abort()
