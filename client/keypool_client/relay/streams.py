"""Streams of events: the opening is held until it is known to be good, then the stream never changes its source."""

import asyncio

from aiohttp import web

from keypool_client.relay import standin
from keypool_client.relay.answers import READ_ERRORS, Answer, Cut
from keypool_client.relay.asked import Asked

HELD_SECONDS = 5.0
HELD_BYTES = 256 * 1024


async def open_stream(answer: Answer, asked: Asked) -> bytes | None:
    """Reads until the first content, for at most five seconds. Returns the body of an error that came instead.

    Raises Cut where the stream ends before it begins.
    """
    opening, ending, held = standin.Opening(asked.route.dialect), standin.Ending(asked.route.dialect), bytearray()
    try:
        async with asyncio.timeout(HELD_SECONDS):
            while answer.rest is not None and len(held) < HELD_BYTES:
                piece = await answer.rest.content.readany()
                if not piece:
                    answer.rest = None
                    break
                if not asked.lease.take(len(piece)):
                    held += piece
                    break
                held += piece
                state = opening.feed(piece)
                if isinstance(state, standin.Failed):
                    return state.body
                if state:
                    break
    except TimeoutError:
        pass  # a stream that takes its time is a stream
    except READ_ERRORS:
        raise Cut from None
    finally:
        answer.begun = bytes(held)
    ending.feed(answer.begun)
    if answer.rest is None and not ending.clean:
        raise Cut
    return None


async def pass_on(answer: Answer, out: web.StreamResponse, asked: Asked) -> bool:
    """The rest of a stream. A break is an error event and a transfer that is aborted: False."""
    ending = standin.Ending(asked.route.dialect)
    ending.feed(answer.begun)
    content = answer.rest.content if answer.rest is not None else None
    while content is not None:
        try:
            piece = await content.readany()
        except READ_ERRORS:
            break
        if not piece:
            break
        ending.feed(piece)
        await out.write(piece)
    if ending.clean:
        return True
    await out.write(ending.broken(asked.route.dialect))
    return False
