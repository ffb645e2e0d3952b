"""Hands answers to the client: a provider's, whole or as it comes, and the relay's own."""

import asyncio
import math

from aiohttp import web
from multidict import CIMultiDict

from keypool_client.relay.answers import READ_ERRORS, Answer
from keypool_client.relay.asked import Asked
from keypool_client.wire.errors import Refusal

ATTEMPTS, KEY_ID, SHOULD_RETRY = "x-keypool-attempts", "x-keypool-key-id", "x-should-retry"
FLUSH_SECONDS = 5.0


def own(refusal: Refusal, retry_after: float | None = None, asked: Asked | None = None) -> web.Response:
    """An answer of the relay's own."""
    seconds = None if retry_after is None else max(1, math.ceil(retry_after))
    headers = CIMultiDict(refusal.headers(seconds, attempted=asked is not None and asked.spent))
    if asked is not None:
        _mark(headers, asked)
    return web.Response(status=refusal.status, body=refusal.body, headers=headers)


def whole(answer: Answer, asked: Asked) -> web.Response:
    """An answer that was read to its end."""
    headers = headers_of(answer, asked)
    if asked.http.method == "HEAD" and answer.length is not None:
        headers["Content-Length"] = str(answer.length)
    return web.Response(status=answer.status, reason=answer.reason, body=answer.begun, headers=headers)


async def begin(answer: Answer, asked: Asked) -> web.StreamResponse:
    """The headers of an answer that goes on as it comes. A length that is known stays, so that a cut is seen; but not
    that of an error, which may change with the key."""
    out = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers_of(answer, asked))
    if answer.length is not None and not answer.stream and answer.failure is None:
        out.content_length = answer.length
    await out.prepare(asked.http)
    return out


async def pass_on(answer: Answer, out: web.StreamResponse) -> bool:
    """The body as it comes; False where it was cut. A client that goes away raises ConnectionError."""
    content = answer.rest.content if answer.rest is not None else None
    if told := answer.told(answer.begun):
        await out.write(told)
    while content is not None:
        try:
            piece = await content.readany()
        except READ_ERRORS:
            return False
        if not piece:
            break
        if told := answer.told(piece):
            await out.write(told)
    if left := answer.veil.end():
        await out.write(left)
    return True


def close(asked: Asked) -> None:
    """Ends the connection, so that the client sees where an answer is incomplete; what was written still gets there."""
    transport = asked.http.transport
    asked.http.protocol.force_close()
    if transport is not None:
        asyncio.get_running_loop().call_later(FLUSH_SECONDS, give_up, transport)


def give_up(transport: asyncio.WriteTransport) -> None:
    """Where all is written it is closed, and asyncio's transports cannot be aborted after that."""
    if transport.get_write_buffer_size():
        transport.abort()


def headers_of(answer: Answer, asked: Asked) -> CIMultiDict[str]:
    """The provider's, and what the relay says."""
    headers = CIMultiDict(answer.headers)
    if answer.failure is not None and asked.spent:
        headers[SHOULD_RETRY] = "false"
    _mark(headers, asked)
    return headers


def _mark(headers: CIMultiDict[str], asked: Asked) -> None:
    headers[ATTEMPTS] = str(asked.attempts)
    if asked.last is not None:
        headers[KEY_ID] = asked.last.key.id
