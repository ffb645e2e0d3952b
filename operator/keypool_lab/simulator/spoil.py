"""What a fault does to a call that it meets."""

import asyncio
from contextlib import suppress

from aiohttp import web

from keypool_lab.simulator.answers import refuse
from keypool_lab.simulator.faults import Fault

_PAGE = "<!doctype html><html><title>Welcome</title><h1>Please sign in</h1></html>"
_CHUNK = 64 * 1024


async def spoil(
    fault: Fault, request: web.Request, answer: web.StreamResponse | None, closing: asyncio.Event
) -> web.StreamResponse:
    """Answers in the place of `answer` (None when the call was not carried out). `closing` ends a hang early."""
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    match fault.kind:
        case "oversize":
            return await _oversize(request, fault.size)
        case "truncate":
            return web.Response(body=body[: len(body) // 2], status=_status(answer), content_type="application/json")
        case "drip":
            return await _drip(request, body, _status(answer), fault.seconds)
        case "cut":
            return cut(request)
        case "hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), fault.seconds)
            return cut(request)
    return _instead(fault)


def _instead(fault: Fault) -> web.Response:
    match fault.kind:
        case "redirect":
            return web.Response(status=307, headers={"Location": fault.location})
        case "html":
            return web.Response(text=_PAGE, content_type="text/html")
        case "lie":
            return web.Response(status=204)
        case "throttle":
            return refuse(429, "Rate limit exceeded", {"Retry-After": fault.retry_after} if fault.retry_after else None)
    return refuse(fault.status, "Internal error" if fault.status >= 500 else "Refused")


def cut(request: web.Request) -> web.Response:
    """Ends the connection at once; the response is for aiohttp only and reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _status(answer: web.StreamResponse | None) -> int:
    return answer.status if answer is not None else 200


async def _oversize(request: web.Request, size: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(b'{"keys": [], "padding": "')
        for _ in range(0, size, _CHUNK):
            await response.write(b"x" * _CHUNK)
        await response.write(b'"}')
    return response


async def _drip(request: web.Request, body: bytes, status: int, seconds: float) -> web.StreamResponse:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    response = web.StreamResponse(status=status, headers=headers)
    with suppress(ConnectionError):
        await response.prepare(request)
        for byte in body:
            await response.write(bytes([byte]))
            await asyncio.sleep(seconds)
    return response
