"""Reading what a provider answers, and never more of it than is wanted."""

import asyncio

import aiohttp
import httpx

_ERROR_BYTES = 16 * 1024
_ERROR_SECONDS = 1.0
_MARGIN = 0.1


async def read_body(response: httpx.Response, limit: int) -> bytes | None:
    """The decoded body, None as soon as it exceeds `limit` bytes."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


async def error_body(response: httpx.Response, until: float) -> bytes:
    """The body of a refusal; empty rather than another error, because the status has told enough.

    So it is read for a second at most, and no longer than just before `until`, when the call's deadline would strike.
    """
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return b""
    try:
        async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + _ERROR_SECONDS, until - _MARGIN)):
            return await read_body(response, _ERROR_BYTES) or b""
    except (TimeoutError, httpx.HTTPError, aiohttp.ClientError, OSError):
        return b""
