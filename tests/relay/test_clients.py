"""Clients that go away, dawdle, or come in crowds."""

import asyncio
from collections.abc import Sequence

import pytest

from keypool_client.relay import listeners
from keypool_client.relay.listeners import Server
from tests.relay.mounted import Mounted, document
from tests.relay.served import Served, chat, relay
from tests.relay.stages import STAGES, Standing, saying
from tests.relay.upstream import CHAT, Upstream, full, upstream
from tests.waiting import eventually


@pytest.mark.parametrize("stage", STAGES)
async def test_a_client_that_goes_away_ends_the_request_upstream(stage: str, mounted: Mounted) -> None:
    """Tokens that nobody reads are paid for all the same."""
    standing = Standing(STAGES[stage])
    async with upstream(standing) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            _, writer = await asyncio.open_connection("127.0.0.1", served.running.port)
            writer.write(chat(stream=True))
            await standing.reached.wait()
            writer.close()
            await eventually(lambda: _is_quiet(served, provider))
            assert 'outcome="gone"' in await served.metrics()
    assert len(provider.heard) == 1


async def test_a_body_that_stops_coming_ends_in_408_and_is_not_sent(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path, body_seconds="0.1") as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.running.port)
            writer.write(chat()[:-5])
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert provider.heard == []


async def test_a_connection_that_says_nothing_is_closed(mounted: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither nothing at all nor half a header holds a place for ever."""
    monkeypatch.setattr(listeners, "FIRST_REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(listeners, "SWEEP_SECONDS", 0.05)
    async with relay(mounted.path) as served:
        for said in (b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127"):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.running.port)
            writer.write(said)
            assert await reader.read() == b""
            writer.close()


async def test_more_connections_than_can_be_served_hear_so_at_once(mounted: Mounted) -> None:
    """Those that are open go on; the others get an answer, and a place as soon as one is free."""
    async with upstream(saying(full(CHAT), then_close=False)) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            server = Server(served.running.relay, most=3)
            port = await server.listen(["127.0.0.1"], 0)
            admitted = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            await eventually(lambda: _has(server, 3))
            refused = await asyncio.gather(*[_asked(port) for _ in range(50)])
            assert {head.partition(b"\r\n")[0] for head in refused} == {b"HTTP/1.1 503 Service Unavailable"}
            assert all(b"\r\nRetry-After: 1\r\n" in head and b"keypool_overloaded" in head for head in refused)
            answers = [await _answer(*pair) for pair in admitted]
            assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
            admitted[0][1].close()
            await eventually(lambda: _has(server, 2))
            assert (await _asked(port)).startswith(b"HTTP/1.1 200 ")
            for _, writer in admitted:
                writer.close()
            await server.close()


async def test_requests_beyond_the_bound_are_refused_while_others_are_open(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keypool_client.relay.relay.MOST_OPEN", 2)
    standing = Standing(b"", full(CHAT))
    async with upstream(standing) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            waiting = [asyncio.create_task(served.ask()) for _ in range(2)]
            await eventually(lambda: _has_heard(provider, 2))
            refused = await served.ask()
            standing.go_on.set()
            answers = await asyncio.gather(*waiting)
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "keypool_too_busy", "1")
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_client_that_does_not_read_is_cut_off(mounted: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves unread holds up an endpoint's answer, and memory."""
    monkeypatch.setattr(listeners, "STALLED_SECONDS", 0.1)
    monkeypatch.setattr(listeners, "SWEEP_SECONDS", 0.05)
    async with upstream(saying(full(b"x" * 30_000_000, kind="audio/wav"))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            _, writer = await asyncio.open_connection("127.0.0.1", served.running.port, limit=1000)
            writer.write(b"GET /v1/files/f/content HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n")
            await eventually(lambda: _has_heard(provider, 1))
            await eventually(lambda: _is_quiet(served, provider))
            writer.close()


async def _is_quiet(served: Served, provider: Upstream) -> bool:
    buffers = served.running.buffers
    return provider.open == 0 and served.running.relay.open == 0 and buffers.free == buffers.total


async def _has(server: Server, count: int) -> bool:
    return server.connections == count


async def _has_heard(provider: Upstream, count: int) -> bool:
    return len(provider.heard) == count


async def _asked(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await _answer(reader, writer)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(chat())
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(_length(head.lower().split(b"\r\n")))


def _length(lines: Sequence[bytes]) -> int:
    return next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
