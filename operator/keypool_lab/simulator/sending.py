"""How an answer goes out: whole, or as a stream of events with a pause between two."""

import asyncio
from contextlib import suppress

from aiohttp import web

from keypool_lab.simulator.dialects.operation import Answer
from keypool_lab.simulator.record import Call


async def send(answer: Answer, request: web.Request, call: Call, pause: float) -> web.StreamResponse:
    """Sends it, and notes in `call` how that ended."""
    if answer.events is None:
        call.ended = "gone" if gone(request) else "whole"
        return web.Response(
            body=answer.body, status=answer.status, headers=answer.headers, content_type=answer.content_type
        )
    return await stream(answer, request, call, pause)


async def stream(
    answer: Answer, request: web.Request, call: Call, pause: float, events: int | None = None
) -> web.StreamResponse:
    """Sends the first `events` of a stream, all when None; the transfer stays open unless they are all."""
    response = web.StreamResponse(status=answer.status, headers={**answer.headers, "Content-Type": answer.content_type})
    clock = asyncio.get_running_loop().time
    due = clock()
    call.ended = "gone"
    with suppress(ConnectionError):
        await response.prepare(request)
        for event in (answer.events or ())[:events]:
            await response.write(event)
            call.events += 1
            due += pause
            if pause:
                await asyncio.sleep(due - clock())
        call.ended = None
    if call.ended is None and events is None:
        call.ended = "whole"
    return response


def gone(request: web.Request) -> bool:
    """Whether nobody is there any more who could have the answer."""
    return request.transport is None or request.transport.is_closing()
