"""A request's body: held, so that it can be sent again, or passed on as it comes, which allows one attempt."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from keypool_client.relay.buffers import Lease
from keypool_client.wire.requests import BODY_LIMIT, may_be_held

PAUSES = 5
"""A body that is held has to come within so many of the longest pauses: it takes memory of all until it is there."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class TooSlow(Exception):
    """The client paused for too long in the middle of a body."""


class Flowing:
    """What is left of a body that is not held: read once, as fast as the endpoint takes it."""

    def __init__(self, request: web.BaseRequest, begun: list[bytes], seconds: float) -> None:
        self._request, self._begun, self._seconds = request, begun, seconds
        self.too_slow = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of the body. Raises TooSlow into whoever sends it."""
        for piece in self._begun:
            yield piece
        self._begun.clear()
        content = self._request.content
        while not content.at_eof():
            try:
                async with asyncio.timeout(self._seconds):
                    piece = await content.readany()
            except TimeoutError:
                self.too_slow = True
                raise TooSlow from None
            if piece:
                yield piece


async def take(request: web.BaseRequest, lease: Lease, seconds: float) -> bytes | Flowing | None:
    """The body; None where there is none. Raises TooSlow."""
    if not request.can_read_body:
        return None
    _go_on(request)
    length = request.content_length
    kind = request.headers.get("Content-Type", "")
    if not may_be_held(kind, length) or (length is not None and not lease.take(length)):
        return Flowing(request, [], seconds)
    content, held = request.content, request.content.read_nowait()
    if content.at_eof():
        return held
    return await _rest(request, lease, held, seconds)


async def _rest(request: web.BaseRequest, lease: Lease, begun: bytes, seconds: float) -> bytes | Flowing:
    content, pieces, size, counted = request.content, [begun], len(begun), request.content_length is not None
    loop = asyncio.get_running_loop()
    until = loop.time() + PAUSES * seconds
    while not content.at_eof():
        if not counted and (size > BODY_LIMIT or not lease.take(len(pieces[-1]))):
            return Flowing(request, pieces, seconds)
        try:
            async with asyncio.timeout_at(min(until, loop.time() + seconds)):
                pieces.append(await content.readany())
        except TimeoutError:
            raise TooSlow from None
        size += len(pieces[-1])
    return b"".join(pieces)


def _go_on(request: web.BaseRequest) -> None:
    if "Expect" in request.headers and request.transport is not None:
        request.transport.write(CONTINUE)
