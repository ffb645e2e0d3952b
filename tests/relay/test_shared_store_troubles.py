"""What becomes of requests when the store of verdicts does not do its part: nothing.

Each test is named after a complaint about shared state that users of gateways have made.
"""

import asyncio

import pytest

from keypool_client.policy.verdicts import Verdict
from keypool_client.sharing import sharing
from keypool_client.sharing.address import Address
from keypool_client.sharing.outbox import MOST_WAITING
from keypool_client.sharing.redis import RedisStore
from tests.relay.mounted import Mounted
from tests.relay.redis_server import RedisServer
from tests.relay.served import relay
from tests.relay.sharing import (
    STREAM,
    condemns,
    connects,
    entry,
    has_told,
    is_alone,
    is_state,
    is_state_of,
    ms,
    refused,
    sharing_of,
    tried_the_dead_key,
)
from tests.waiting import eventually

PASSWORD = "not-for-any-log-4711"


async def test_a_store_that_is_away_at_the_start_is_joined_when_it_comes(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Redis was asked once, at boot; a pod stayed alone for life."""
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: is_alone(one))
        await eventually(lambda: condemns(one))
        await server.start()
        await eventually(lambda: connects(one))
        await eventually(lambda: is_state(two, "avoided"), what="what was concluded meanwhile is told")
        assert not await tried_the_dead_key(two)


async def test_without_a_store_what_waits_is_bounded_and_the_oldest_is_dropped(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Without Redis a queue grew until the pod was killed."""
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: condemns(served))
        mine = sharing_of(served.running)
        (told,) = mine.outbox.take()
        for number in range(10 * MOST_WAITING):
            mine.outbox.put(type(told)(**{f: getattr(told, f) for f in told.__slots__} | {"name": f"k{number}"}))
        assert len(mine.outbox) == MOST_WAITING
        assert mine.outbox.dropped == 9 * MOST_WAITING
        assert (await served.ask()).status == 200


async def test_a_store_that_hangs_makes_no_request_wait(
    server: RedisServer, mounted: Mounted, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis doubled the slowest hundredth. The store answers nothing here, for as long as requests are answered."""
    monkeypatch.setattr(sharing, "ROUND_SECONDS", 3600.0)
    await server.start()
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: connects(served))
        server.freeze()
        try:
            told = [await served.ask() for _ in range(20)]
            assert await condemns(served)
        finally:
            server.thaw()
        assert {each.status for each in told} == {200}


async def test_a_store_that_hangs_is_given_up_and_found_again(
    server: RedisServer, mounted: Mounted, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: connects(one))
        server.freeze()
        monkeypatch.setattr(sharing, "ROUND_SECONDS", 0.2)
        try:
            await eventually(lambda: is_alone(one))
            await eventually(lambda: condemns(one))
        finally:
            server.thaw()
        monkeypatch.setattr(sharing, "ROUND_SECONDS", 60.0)
        await eventually(lambda: is_state(two, "avoided"))


async def test_a_store_that_is_killed_and_comes_back_empty_costs_nothing_but_sharing(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: connects(two))
        await server.stop()
        await eventually(lambda: is_alone(two))
        await eventually(lambda: condemns(two))
        await server.start()
        await eventually(lambda: connects(two))
        await eventually(lambda: is_state(one, "avoided"), what="what was concluded meanwhile is told")
        assert not await tried_the_dead_key(one)


async def test_a_store_that_is_wiped_is_used_on(server: RedisServer, mounted: Mounted, keys: dict[str, str]) -> None:
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: connects(two))
        now = await ms(server)
        await server.ask("XADD", STREAM, "*", "v", entry(name="chat-1", since=now, until=now + 600_000))
        await eventually(lambda: is_state_of(two, "chat-1", "avoided"))
        await server.ask("FLUSHALL")
        assert (await two.ask()).status == 200
        await eventually(lambda: condemns(one))
        await eventually(lambda: server.ask("EXISTS", STREAM))


async def test_a_full_store_is_read_on_and_told_what_it_refused_when_it_has_room(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start("--maxmemory", "1kb", "--maxmemory-policy", "noeviction")
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: condemns(one))
        await eventually(lambda: refused(one))
        assert await connects(one)
        assert (await one.ask()).status == 200
        await server.ask("CONFIG", "SET", "maxmemory", "0")
        await eventually(lambda: has_told(one))
        await eventually(lambda: is_state(two, "avoided"))


TIME = b"*2\r\n$10\r\n1800000000\r\n$1\r\n0\r\n"


@pytest.mark.parametrize(
    ("time", "found"),
    [
        (b"*2\r\n$400\r\n" + b"9" * 400 + b"\r\n$1\r\n0\r\n", b"*0\r\n"),
        (TIME, b"*1\r\n*2\r\n*0\r\n*2\r\n$1\r\nv\r\n$1\r\nx\r\n"),
        (TIME, b"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nv\r\n:5\r\n"),
        (TIME, b"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nv\r\n$-1\r\n"),
        (TIME, b"*1\r\n$-1\r\n"),
        (TIME, b"+OK\r\n"),
    ],
    ids=["a time of 400 digits", "a list for a mark", "a number for an entry", "no entry", "null", "a word"],
)
async def test_whatever_a_server_answers_sharing_goes_on(time: bytes, found: bytes) -> None:
    """An end of its task would be seen by nobody."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(4096):
            writer.write(time if b"TIME" in command else found)
        writer.close()

    def merge(verdict: Verdict, now: float) -> bool:
        raise AssertionError("this was no verdict")

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        store = RedisStore(Address("127.0.0.1", server.sockets[0].getsockname()[1], 0, None, False), None)
        shared = sharing.Sharing(store, merge, lambda: ["team-a/chat"], lambda: 100.0, lambda: 0.0)
        try:
            for _ in range(2):
                await shared._try()
        finally:
            await store.close()
