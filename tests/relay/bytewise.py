"""Requests to a relay as they are written on the wire, whatever a client's library would make of them."""

import asyncio

from tests.waiting import within

LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST, CREDENTIAL = b"Host: 127.0.0.1\r\n", b"Authorization: Bearer x\r\n"
POST = LINE + HOST + CREDENTIAL
HIDDEN = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n\r\n"
"""A request that stands where another one's body is."""


async def raw(port: int, sent: bytes) -> bytes:
    """The first answer; where a second request is hidden, all that comes until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        return await within(reader.read() if HIDDEN in sent else reader.readuntil(b"\r\n\r\n"), 15)
    finally:
        writer.close()
