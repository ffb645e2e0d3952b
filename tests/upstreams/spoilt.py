"""Answers that are too long or too slow. `closing` ends them early."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

_CHUNK = b"x" * 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the upstream answered, without the headers of its connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def huge(request: web.Request, size: int, closing: asyncio.Event) -> web.StreamResponse:
    """JSON of `size` bytes in chunks; no byte more is made once the client has closed."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(b'{"padding": "')
        for _ in range(0, size, len(_CHUNK)):
            if closing.is_set():
                break
            await response.write(_CHUNK)
        await response.write(b'"}')
    return response


async def drip(request: web.Request, answer: Answer, seconds: float, closing: asyncio.Event) -> web.StreamResponse:
    """`answer`, one byte every `seconds`."""
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    with suppress(ConnectionError):
        await response.prepare(request)
        for byte in answer.body:
            await response.write(bytes([byte]))
            if await closes_within(seconds, closing):
                break
    return response


async def closes_within(seconds: float, closing: asyncio.Event) -> bool:
    """Waits so long, or until the proxy closes; whether it does."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await closing.wait()
    return closing.is_set()
