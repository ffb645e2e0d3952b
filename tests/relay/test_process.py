"""The relay as a process: its start, its end, its memory."""

import asyncio
import subprocess
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.relay.mounted import Mounted, document
from tests.relay.process import Process, command, process
from tests.relay.served import ASKED, HEADERS, LONGEST, told
from tests.relay.stages import Standing, saying
from tests.relay.upstream import CHAT, DONE, END, STREAM, Heard, chunk, delta, full, upstream
from tests.waiting import PATIENCE, eventually

MIB = 1024 * 1024
ROOM = 16 * MIB
PIECE = b"x" * 65536
PIECES = 1000


async def test_after_sigterm_it_serves_until_nobody_needs_it(mounted: Mounted) -> None:
    """A pod's containers get SIGTERM together: the application may still want to say something to its model."""
    standing = Standing(STREAM + chunk(delta("one")), chunk(DONE) + END)
    async with upstream(standing) as slow, upstream(saying(full(CHAT))) as quick:
        mounted.put(document([slow.url], {"chat-0": "sk-one"}))
        async with process(mounted.path) as relay, ClientSession(timeout=LONGEST, headers=HEADERS) as session:
            url = f"{relay.url}/v1/chat/completions"
            async with session.post(url, json=ASKED | {"stream": True}) as stream:
                relay.ask_to_end()
                mounted.put(document([quick.url], {"chat-1": "sk-two"}))
                while True:
                    async with session.post(url, json=ASKED) as answer:
                        if answer.headers["x-keypool-key-id"] == "chat-1":
                            break
                        answer.close()
                assert relay.process.returncode is None
                standing.go_on.set()
                assert (await stream.read()).endswith(DONE)
            async with asyncio.timeout(60 * PATIENCE):
                assert await relay.process.wait() == 0


async def test_a_second_sigterm_ends_it_at_once(mounted: Mounted) -> None:
    standing = Standing(STREAM + chunk(delta("one")))
    async with upstream(standing) as slow:
        mounted.put(document([slow.url], {"chat-0": "sk-one"}))
        async with (
            process(mounted.path) as relay,
            ClientSession(timeout=LONGEST, headers=HEADERS) as session,
            session.post(f"{relay.url}/v1/chat/completions", json=ASKED | {"stream": True}) as stream,
        ):
            relay.ask_to_end()
            await eventually(lambda: _is_ending(relay))
            relay.ask_to_end()
            assert (await told(stream)).cut
            async with asyncio.timeout(60 * PATIENCE):
                assert await relay.process.wait() == 0


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("KEYPOOL_RELAY_LISTEN_ADDRESSES", "10.0.0.1", "KEYPOOL_RELAY_LISTEN_ADDRESSES must be loopback addresses"),
        ("KEYPOOL_RELAY_LISTEN_PORT", "http", "KEYPOOL_RELAY_LISTEN_PORT must be a number"),
        ("KEYPOOL_RELAY_TYPO", "1", "KEYPOOL_RELAY_TYPO is no setting"),
    ],
)
def test_a_bad_setting_ends_the_start_with_a_sentence(variable: str, value: str, sentence: str) -> None:
    run = subprocess.run(
        command("relay"), env={variable: value}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr


async def test_a_port_that_is_taken_ends_the_start_with_a_sentence(mounted: Mounted) -> None:
    async with upstream(saying(b"")) as other:
        taken = other.url.removesuffix("/v1").rpartition(":")[2]
        environ = {"KEYPOOL_FOLDER": str(mounted.path), "KEYPOOL_RELAY_LISTEN_PORT": taken}
        run = await asyncio.to_thread(
            subprocess.run, command("relay"), env=environ, capture_output=True, text=True, timeout=60, check=False
        )
    assert run.returncode == 1
    assert "cannot listen" in run.stderr
    assert "Traceback" not in run.stderr


async def test_neither_a_huge_answer_nor_a_huge_request_is_held(mounted: Mounted) -> None:
    """60 MiB each way: what the relay needs for it does not depend on their size."""

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(PIECES):
            writer.write(chunk(PIECE))
            await writer.drain()
        writer.write(END)
        await writer.drain()

    async with upstream(answer, hold=False) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with process(mounted.path) as relay, ClientSession(timeout=LONGEST, headers=HEADERS) as session:
            url = f"{relay.url}/v1/chat/completions"
            await _size(session, url, ASKED)
            before = relay.peak_bytes()
            assert await _size(session, url, ASKED) == PIECES * len(PIECE)
            assert await _size(session, url, None) == PIECES * len(PIECE)
            assert relay.peak_bytes() - before < ROOM
    assert provider.heard[-1].size == PIECES * len(PIECE)


async def _is_ending(relay: Process) -> bool:
    return any("ends when" in line for line in relay.said)


async def _size(session: ClientSession, url: str, asked: object) -> int:
    async with session.post(url, **({"data": _pieces()} if asked is None else {"json": asked})) as answer:
        return sum([len(piece) async for piece in answer.content.iter_any()])


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(PIECES):
        yield PIECE
