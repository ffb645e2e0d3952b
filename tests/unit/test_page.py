"""What a scrape gets: packed for whoever takes it so, the same text for everybody, and bounded for whoever is slow."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from keypool.serve.http import ProbeServer
from keypool.serve.page import Page, Sending
from tests.waiting import eventually, within

TEXT = [f'keypool_pool_ready{{namespace="team",pool="pool-{number}"}} 1.0\n'.encode() for number in range(5000)]
MUCH = [bytes(1_000_000)] * 64
"""More than sockets hold for a reader that does not read."""


def test_a_page_is_small_and_gives_its_text_again_in_small_pieces() -> None:
    page = Page.of(TEXT)
    assert len(page.packed) * 10 < page.size == sum(map(len, TEXT))
    assert b"".join(page.text()) == b"".join(TEXT)
    assert max(map(len, page.text())) < 300_000


@asynccontextmanager
async def a_server(text: list[bytes], sending: Sending | None = None) -> AsyncIterator[ProbeServer]:
    """One that has this to tell."""
    server = ProbeServer(lambda: text, tuple, port=0, sending=sending)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def raw(server: ProbeServer, accepts: str | None) -> tuple[int, str, bytes]:
    """Status, coding and body as they come."""
    headers = {} if accepts is None else {"Accept-Encoding": accepts}
    skipped = ("Accept-Encoding",) if accepts is None else ()
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=skipped) as session,
        session.get(f"http://127.0.0.1:{server.port}/metrics", headers=headers) as response,
    ):
        return response.status, response.headers.get("Content-Encoding", ""), await response.read()


@pytest.mark.parametrize("accepts", ["gzip", "deflate, GZIP;q=0.5", "identity, gzip ; q=1"])
async def test_whoever_takes_gzip_gets_it(accepts: str) -> None:
    async with a_server(TEXT) as server:
        status, coding, body = await raw(server, accepts)
        assert (status, coding) == (200, "gzip")
        assert gzip.decompress(body) == b"".join(TEXT)


@pytest.mark.parametrize("accepts", [None, "", "identity", "deflate, br", "gzip;q=0", "gzip; q=0.00", "x-gzipped"])
async def test_whoever_does_not_gets_the_text(accepts: str | None) -> None:
    async with a_server(TEXT) as server:
        assert await raw(server, accepts) == (200, "", b"".join(TEXT))


@asynccontextmanager
async def a_reader_that_does_not_read(server: ProbeServer) -> AsyncIterator[asyncio.StreamReader]:
    """It has asked for the whole text."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()


async def test_readers_who_are_slow_on_purpose_keep_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    """The oldest makes room, long before its time is over."""
    async with a_server(MUCH, Sending(most=1)) as server, a_reader_that_does_not_read(server) as slow:
        await within(slow.readuntil(b"\r\n\r\n"), 20)
        status, _, body = await within(raw(server, "gzip"), 20)
        assert (status, gzip.decompress(body)) == (200, b"".join(MUCH))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await within(slow.readexactly(sum(map(len, MUCH))), 20)
    assert not caplog.records


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_an_answer_to_head_has_headers_alone(coding: str) -> None:
    """A body would be taken for the beginning of the next answer."""
    asked = b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n" % coding.encode()
    async with a_server(TEXT) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(asked + b"\r\n" + asked + b"Connection: close\r\n\r\n")
        said = await within(reader.read(), 20)
        writer.close()
    assert [part.partition(b"\r\n")[0] for part in said.split(b"\r\n\r\n")] == [b"HTTP/1.1 200 OK"] * 2 + [b""]


async def test_whoever_does_not_read_is_cut_off_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    sending = Sending(longest=0.2)
    async with a_server(MUCH, sending) as server, a_reader_that_does_not_read(server) as slow:
        await within(slow.readuntil(b"\r\n\r\n"), 20)

        async def over() -> bool:
            return not sending._now

        await eventually(over)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await within(slow.readexactly(sum(map(len, MUCH))), 20)
    assert not caplog.records, "a stranger who is slow fills no log"
