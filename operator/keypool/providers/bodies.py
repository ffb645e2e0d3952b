"""Reading what a provider answers, and never more of it than is wanted."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx

from keypool.providers.answers import Claim
from keypool.providers.errors import TooLarge
from keypool.providers.pages import PAGE_BYTES, Entries, Page, PageReader
from keypool.providers.scanner import NotAListing

PIECE = 64 * 1024
"""Bytes that are parsed before others have their turn."""
MOST_VALUES = 128 * 1024
"""Values of an answer that is read as a whole: each becomes an object of many times its size."""
_ERROR_BYTES = 16 * 1024
_ERROR_SECONDS = 1.0
_MARGIN = 0.1


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The decoded body, piece by piece: what is compressed is unpacked no further than to the next one."""
    unpack = _unpacker(response.headers.get("Content-Encoding", "identity").strip().lower())
    gathered = bytearray()
    async for chunk in response.aiter_raw():
        packed = chunk
        while packed:
            piece, packed = unpack(packed)
            gathered += piece
            if len(gathered) >= PIECE:
                yield bytes(gathered)
                gathered.clear()
                await asyncio.sleep(0)
    if gathered:
        yield bytes(gathered)


def _unpacker(encoding: str) -> Any:  # noqa: ANN401 - from what is packed to what is not, and what is left of it
    if encoding == "identity":
        return lambda packed: (packed[:PIECE], packed[PIECE:])
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | (16 if encoding == "gzip" else 0))

    def unpack(packed: bytes) -> tuple[bytes, bytes]:
        return unpacking.decompress(packed, PIECE), unpacking.unconsumed_tail

    return unpack


async def read_body(response: httpx.Response, limit: int, claim: Claim | None = None) -> bytes | None:
    """The decoded body, None as soon as it exceeds `limit` bytes."""
    body = bytearray()
    async for piece in pieces(response):
        if claim is not None and body:
            claim.hold(len(piece), read=len(piece), entries=piece.count(b"{"))
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def whole(what: str, response: httpx.Response, limit: int, claim: Claim) -> bytes:
    """The body of an answer that is read as a whole. Raises TooLarge."""
    body = await read_body(response, limit, claim)
    if body is None:
        raise TooLarge(f"{what}: the answer is larger than {limit} bytes")
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise TooLarge(f"{what}: the answer has more than {MOST_VALUES} values")
    return body


async def page(
    what: str, response: httpx.Response, entries: Entries[Any, Any], claim: Claim
) -> tuple[str, Page[Any] | None]:
    """One page of a listing; where it is none, why. Raises TooLarge and PutOff."""
    reader, size = PageReader(what, entries, claim), 0
    try:
        async for piece in pieces(response):
            size += len(piece)
            if size > PAGE_BYTES:
                raise TooLarge(f"{what}: a page is larger than {PAGE_BYTES} bytes")
            reader.feed(piece)
        return "", reader.close()
    except NotAListing as error:
        return str(error), None


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
