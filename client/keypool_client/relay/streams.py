"""Streams of events: the opening is held until it is known to be good, then the stream never changes its source."""

import asyncio

from aiohttp import web

from keypool_client.relay.answers import READ_ERRORS, Answer, Cut
from keypool_client.relay.asked import Asked
from keypool_client.relay.usage import tokens
from keypool_client.wire.ending import Ending
from keypool_client.wire.opening import Commit, Decision, Failed, Opening

HELD_SECONDS = 5.0


async def open_stream(answer: Answer, asked: Asked) -> bytes:
    """Reads until the first content, for at most five seconds. Returns the body of an error that came instead.

    Raises Cut where the stream ends before it begins.
    """
    answer.stream = True
    opening = Opening(asked.route.dialect)
    try:
        async with asyncio.timeout(HELD_SECONDS):
            decision = await _decided(answer, opening, asked)
    except TimeoutError:
        decision = Commit()  # a stream that takes its time is a stream
    answer.begun = opening.held
    if not isinstance(decision, Failed):
        return b""
    if decision.cut:
        raise Cut(f"HTTP {answer.status}, but the stream ended before it said anything")
    return decision.body or b"{}"


async def _decided(answer: Answer, opening: Opening, asked: Asked) -> Decision:
    """A stream for which no memory is free goes on as it comes."""
    while answer.rest is not None:
        try:
            piece = await answer.rest.content.readany()
        except READ_ERRORS as error:
            if isinstance(error, TimeoutError) and not isinstance(error, OSError):
                raise
            raise Cut(f"HTTP {answer.status}, but the stream was cut ({type(error).__name__})") from None
        if not piece:
            answer.rest = None
            return opening.end()
        decision = opening.feed(piece)
        if isinstance(decision, Commit | Failed):
            return decision
        if not asked.lease.take(len(piece)):
            return Commit()
    return opening.end()


async def pass_on(answer: Answer, out: web.StreamResponse, asked: Asked) -> bool:
    """All of a stream. A break is an error event, after which the transfer is to be broken off: False."""
    ending, whole = Ending(asked.route.dialect, asked.route.call), True
    piece, content = answer.begun, answer.rest.content if answer.rest is not None else None
    while piece:
        if sent := ending.feed(piece):
            await _write(out, answer.veil.feed(sent))
        if b"usage" in piece:
            answer.tokens = tokens(piece, answer.tokens)
        if content is None:
            break
        try:
            piece = await content.readany()
        except READ_ERRORS:
            whole = False
            break
    closed = ending.close(whole=whole)
    await _write(out, answer.veil.feed(closed.last) + answer.veil.end())
    return closed.clean


async def _write(out: web.StreamResponse, told: bytes) -> None:
    if told:
        await out.write(told)
