"""What a watch brings is taken before Kopf gets it, which sees of each object the version alone."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from keypool.cluster.cache import Kind, ObjectCache
from keypool.watch.taking import Take, TakenStream, taking
from tests.waiting import PATIENCE

KNOWN = "7"


def event(kind: str, version: str = KNOWN, note: str = "") -> bytes:
    """One line of a watch."""
    meta = {"annotations": {"note": note}, "name": "web", "resourceVersion": version, "uid": "u"}
    return json.dumps({"type": kind, "object": {"metadata": meta}}, separators=(",", ":")).encode() + b"\n"


def bookmark(version: str = KNOWN) -> bytes:
    """What stands for an event that is no news."""
    return (f'{{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{version}"}}}}}}' + "\n").encode()


class Taken:
    """Notes what is taken, as type and version."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def __call__(self, event: str, obj: Mapping[str, Any]) -> None:
        """One event."""
        self.events.append((event, obj["metadata"]["resourceVersion"]))


async def passed(chunks: Iterable[bytes], take: Take = lambda *_: None, *, breaks: bool = False) -> bytes:
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
        asyncio.timeout(30 * PATIENCE),
        TestServer(app) as server,
        aiohttp.ClientSession() as session,
        session.get(server.make_url("/")) as response,
    ):
        content = TakenStream(response.content, take)
        return b"".join([data async for data in content.iter_chunked(2**20)])


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
async def test_an_event_is_taken_and_passes_as_a_bookmark_of_its_version(kind: str) -> None:
    taken = Taken()
    assert await passed([event(kind)], taken) == bookmark()
    assert taken.events == [(kind, KNOWN)]


@pytest.mark.parametrize(
    "line", [event("BOOKMARK"), b'{"type":"ERROR","object":{"code":410}}\n', b"\n"], ids=["bookmark", "error", "empty"]
)
async def test_what_says_how_the_watch_is_passes_as_it_is(line: bytes) -> None:
    taken = Taken()
    assert await passed([line], taken) == line
    assert not taken.events


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"MODIFIED","object":{}}\n',
        b'{"type":"MODIFIED","object":{"metadata":null}}\n',
        b'{"type":"MODIFIED","obj\n',
        b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}\n',
        b'{"type":"ADDED","object":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    ],
    ids=["no metadata", "null", "no JSON", "no name", "deep"],
)
async def test_what_cannot_be_read_reaches_nobody_and_ends_nothing(line: bytes) -> None:
    into_cache = taking(ObjectCache(lambda _: ()), lambda *_: None, Kind.POOL)
    assert await passed([line, event("DELETED")], into_cache) == b"\n" + bookmark()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_lines_are_whole_however_they_were_cut(size: int) -> None:
    sent = event("ADDED", "6") + event("MODIFIED") + event("MODIFIED", "8", note="ü" * 300) + b'{"type":"MODIFIED'
    chunks, taken = [sent[at : at + size] for at in range(0, len(sent), size)], Taken()
    assert await passed(chunks, taken) == bookmark("6") + bookmark() + bookmark("8") + b'{"type":"MODIFIED'
    assert taken.events == [("ADDED", "6"), ("MODIFIED", KNOWN), ("MODIFIED", "8")]


async def test_of_a_large_object_kopf_gets_no_more_than_of_a_small_one() -> None:
    assert await passed([event("ADDED", note="x" * 3_000_000)]) == bookmark()


async def test_a_connection_that_breaks_is_told() -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await passed([event("ADDED", "8")], breaks=True)
