"""Compressed answers: looked into within the memory that all requests share, and beside the event loop."""

import asyncio
import gzip
import os
import threading
import zlib
from typing import Any

import pytest

from keypool_client.relay import answers
from keypool_client.wire.whole import flaw_in
from tests.relay.mounted import Mounted, document
from tests.relay.served import relay
from tests.relay.stages import saying
from tests.relay.upstream import CHAT, Heard, full, upstream

GZIP = b"Content-Encoding: gzip\r\n"
LARGE = b'{"data": "' + os.urandom(60_000).hex().encode() + b'"}'


def bomb() -> bytes:
    """64 MiB of an object, as some 64 KiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(b"{"), *(packer.compress(b" " * 2**20) for _ in range(64)), packer.flush()])


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The thread's name for each answer that was looked into."""
    seen: list[str] = []

    def look(*arguments: Any, **more: Any) -> Any:
        seen.append(threading.current_thread().name)
        return flaw_in(*arguments, **more)

    monkeypatch.setattr(answers, "flaw_in", look)
    return seen


@pytest.mark.parametrize("body", [LARGE, CHAT], ids=["large", "small"])
async def test_what_takes_long_to_unpack_is_unpacked_beside_the_loop(
    body: bytes, mounted: Mounted, looked: list[str]
) -> None:
    packed = gzip.compress(body)
    async with upstream(saying(full(packed, more=GZIP))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            told = await served.ask()
            assert served.running.buffers.free == served.running.buffers.total
    assert (told.status, told.body) == (200, packed)
    main = threading.main_thread().name
    assert [thread == main for thread in looked] == [body is CHAT]


async def test_a_compressed_answer_is_looked_into_within_the_shared_memory(mounted: Mounted, looked: list[str]) -> None:
    """Where none is free, it goes on as it came: its transfer was whole."""
    packed = gzip.compress(CHAT)
    async with upstream(saying(full(packed, more=GZIP))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            with served.running.buffers.lease() as most_of_it:
                assert most_of_it.take(served.running.buffers.free - 64 * 1024)
                told = await served.ask()
    assert (told.status, told.body, looked) == (200, packed, [])


async def test_a_bomb_goes_on_as_it_came(mounted: Mounted) -> None:
    """It is the client's to unpack; the relay looks at its beginning."""
    packed = bomb()
    async with upstream(saying(full(packed, more=GZIP))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            told = await served.ask()
    assert (told.status, told.body, told.headers["x-keypool-attempts"]) == (200, packed, "1")


async def test_a_compressed_refusal_is_understood_from_its_beginning(mounted: Mounted) -> None:
    """However large it is: the key has no credit, and the other one answers."""
    spent = b'{"error": {"code": "insufficient_quota", "message": "' + b"x" * 2**21 + b'"}}'

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        poor = heard.key == "sk-poor"
        writer.write(full(gzip.compress(spent), "429 No", more=GZIP) if poor else full(CHAT))

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-poor", "chat-1": "sk-rich"}))
        async with relay(mounted.path) as served:
            told = [await served.ask() for _ in range(6)]
    assert {each.status for each in told} == {200}
    assert sum(heard.key == "sk-poor" for heard in provider.heard) <= 1
