"""What Kopf gets to see of a watch: news whole, what the cache knows already as a bookmark."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from keypool.cluster.cache import Kind, ObjectCache
from keypool.watch.echoes import IsNews, WithoutEchoes

KNOWN = "7"


def event(kind: str, version: str = KNOWN, note: str = "") -> bytes:
    """One line of a watch."""
    meta = {"annotations": {"note": note}, "name": "web", "resourceVersion": version}
    return json.dumps({"type": kind, "object": {"metadata": meta}}, separators=(",", ":")).encode() + b"\n"


def bookmark(version: str = KNOWN) -> bytes:
    """What stands for an event that is no news."""
    return (f'{{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{version}"}}}}}}' + "\n").encode()


def is_news(obj: Mapping[str, Any]) -> bool:
    """Everything but the version that is known."""
    return bool(obj["metadata"]["resourceVersion"] != KNOWN)


async def passed(chunks: Iterable[bytes], asked: IsNews = is_news, *, breaks: bool = False) -> bytes:
    """What comes out of a response that a server sends in these chunks; `breaks`: and then cuts."""

    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0)  # so that the client reads in between
        if breaks and request.transport is not None:
            request.transport.close()
        return response

    app = web.Application()
    app.router.add_get("/", watch)
    async with (
        asyncio.timeout(30),
        TestServer(app) as server,
        aiohttp.ClientSession() as session,
        session.get(server.make_url("/")) as response,
    ):
        content = WithoutEchoes(response.content, asked)
        return b"".join([data async for data in content.iter_chunked(2**20)])


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED"])
async def test_what_the_cache_knows_is_a_bookmark_of_its_version(kind: str) -> None:
    assert await passed([event(kind)]) == bookmark()


@pytest.mark.parametrize(
    "line",
    [
        event("ADDED", "8"),
        event("MODIFIED", "8", note='{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}'),
        event("DELETED"),
        event("BOOKMARK"),
        b'{"type":"ERROR","object":{"code":410}}\n',
        b'{"type":"MODIFIED","object":{}}\n',
        b'{"type":"MODIFIED","obj\n',
        b"\n",
    ],
    ids=["new", "changed", "deleted", "bookmark", "error", "no version", "no JSON", "empty"],
)
async def test_all_else_passes_as_it_is(line: bytes) -> None:
    assert await passed([line]) == line


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_lines_come_out_whole_however_they_were_cut(size: int) -> None:
    sent = event("ADDED", "6") + event("MODIFIED") + event("MODIFIED", "8", note="ü" * 300) + b'{"type":"MODIFIED'
    chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert await passed(chunks) == sent.replace(event("MODIFIED"), bookmark())


async def test_an_object_that_is_none_passes_as_it_is() -> None:
    line = b'{"type":"MODIFIED","object":{"metadata":null}}\n'
    assert await passed([line], partial(ObjectCache(lambda _: ()).is_news, Kind.POOL)) == line


async def test_a_connection_that_breaks_is_told() -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await passed([event("ADDED", "8")], breaks=True)
