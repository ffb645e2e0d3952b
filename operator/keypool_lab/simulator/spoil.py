"""What a fault does to a call that it meets."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from keypool_lab.simulator.dialects.operation import Answer, Dialect, Refusal, Trouble
from keypool_lab.simulator.faults import Fault
from keypool_lab.simulator.raw import cut, cut_within
from keypool_lab.simulator.record import Call
from keypool_lab.simulator.sending import gone, send, stream

_PAGE = b"<!doctype html><html><title>Welcome</title><h1>Please sign in</h1></html>"
_CHUNK = 64 * 1024
_LOOK_SECONDS = 0.1
"""How often a fault that waits looks whether the client is still there."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A call that meets a fault. `answer` is an empty one when the call was not carried out; `closing` ends waiting."""

    fault: Fault
    request: web.Request
    answer: Answer
    call: Call
    dialect: Dialect
    closing: asyncio.Event


async def spoil(struck: Struck) -> web.StreamResponse:
    """Answers as the fault says. What strikes after some events of a stream cuts the body of an answer that is none."""
    fault, request, answer = struck.fault, struck.request, struck.answer
    match fault.kind:
        case "cut":
            return await _cut(fault, request, answer, struck.call)
        case "hang":
            await _wait(request, fault.seconds, struck.closing)
            return cut(request)
        case "slow":
            await _wait(request, fault.seconds, struck.closing)
            return await send(answer, request, struck.call, 0.0)
        case "error_event" | "stop":
            return await _in_stream(struck)
        case "oversize" | "endless" | "drip":
            return await _pour(struck)
    spoilt = _replaced(fault, answer) or _refused(fault, struck.dialect, struck.call.request_id)
    return await send(spoilt, request, struck.call, 0.0)


def _replaced(fault: Fault, answer: Answer) -> Answer | None:
    match fault.kind:
        case "truncate":
            return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
        case "bomb":
            return Answer(200, {"Content-Encoding": "gzip"}, _bomb(fault.size))
        case "redirect":
            return Answer(307, {"Location": fault.location})
        case "html":
            return Answer(200, {}, _PAGE, content_type="text/html")
        case "lie":
            return Answer(204)
    return None


def _refused(fault: Fault, dialect: Dialect, request_id: str) -> Answer:
    """A limit that was reached, or the fault's status, worded as the dialect does for one of its kind."""
    if fault.kind in {"throttle", "exhaust"}:
        trouble = Trouble.RATE_LIMITED if fault.kind == "throttle" else Trouble.EXHAUSTED
        return dialect.refuse(Refusal(trouble, wait=fault.retry_after), request_id)
    kinds = {401: Trouble.INVALID_KEY, 403: Trouble.NO_SCOPE, 503: Trouble.OVERLOADED, 529: Trouble.OVERLOADED}
    usual = Trouble.INTERNAL if fault.status >= 500 else Trouble.BAD_REQUEST
    answer = dialect.refuse(Refusal(kinds.get(fault.status, usual), "Refused", fault.retry_after), request_id)
    answer.status = fault.status
    return answer


async def _cut(fault: Fault, request: web.Request, answer: Answer, call: Call) -> web.StreamResponse:
    if answer.events is None or fault.at in {"start", "headers", "body", "chunk"}:
        at = fault.at if fault.at in {"start", "headers", "chunk"} else "body"
        return cut_within(request, answer, at, fault.reset)
    response = await stream(answer, request, call, 0.0, fault.after)
    if fault.at == "event" and fault.after < len(answer.events):
        half = answer.events[fault.after]
        with suppress(ConnectionError):
            await response.write(half[: len(half) // 2])
    return cut(request, reset=fault.reset, instead=response)


async def _in_stream(struck: Struck) -> web.StreamResponse:
    fault = struck.fault
    if struck.answer.events is None:
        return cut_within(struck.request, struck.answer, "body", fault.reset)
    response = await stream(struck.answer, struck.request, struck.call, 0.0, fault.after)
    with suppress(ConnectionError):
        if fault.kind == "error_event":
            await response.write(struck.dialect.broken())
        await response.write_eof()
    return response


async def _wait(request: web.Request, seconds: float, closing: asyncio.Event) -> None:
    """Waits for `seconds`, or until the client went away or the simulator ends."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not gone(request) and not closing.is_set() and (left := until - clock()) > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                await closing.wait()


async def _flow(struck: Struck) -> AsyncIterator[bytes]:
    fault, answer = struck.fault, struck.answer
    if fault.kind == "drip":
        for byte in answer.body:
            yield bytes([byte])
            await _wait(struck.request, fault.seconds, struck.closing)
        return
    if answer.events is None:
        yield b'{"keys": [], "padding": "'
    piece = b": padding\n\n" if answer.events is not None else b"x" * _CHUNK
    sent = 0
    while fault.kind == "endless" or sent < fault.size:
        yield piece
        sent += len(piece)
        if fault.kind == "endless":
            await _wait(struck.request, fault.seconds, struck.closing)
    yield b'"}'


async def _pour(struck: Struck) -> web.StreamResponse:
    answer, request = struck.answer, struck.request
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    if struck.fault.kind == "drip":
        response.content_length = len(answer.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        async for piece in _flow(struck):
            await response.write(piece)
            if struck.closing.is_set():
                return cut(request, instead=response)
    return response


@lru_cache(maxsize=4)
def _bomb(size: int) -> bytes:
    return gzip.compress(b'{"padding": "' + b"x" * size + b'"}')
