"""A provider that breaks off, lies or never ends: the client hears an honest error, and nothing is left open."""

import asyncio
import gzip

import pytest

from tests.relay.mounted import Mounted, document
from tests.relay.served import Served, relay
from tests.relay.upstream import CHAT, DONE, END, STREAM, Answer, Heard, Upstream, chunk, delta, full, upstream
from tests.waiting import eventually

VALUE = "sk-canary-of-this-test"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CUTS = {
    "before a byte": b"",
    "in the status line": b"HTTP/1.1 20",
    "in the headers": HEAD + b"X-Som",
    "in the body": full(CHAT)[:-20],
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(CHAT)[:-20],
    "between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(CHAT[:20]),
    "after JSON that is cut": full(CHAT[:-9]),
    "after a page of HTML": full(b"<html>welcome</html>", kind="text/html"),
    "after no JSON": full(b"welcome"),
    "before an event": STREAM,
    "in the first event": STREAM + chunk(delta("a")[:20]),
    "after a role alone": STREAM + chunk(b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n') + END,
    "after an error event": STREAM + chunk(b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'),
    "after no HTTP": b"hello\r\n\r\n",
}
"""What comes before the connection is closed; a client that got nothing of it can have another answer."""


def saying(raw: bytes, *, then_close: bool = True) -> Answer:
    """Answers with these bytes."""

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if then_close:
            writer.close()

    return answer


@pytest.mark.parametrize("cut", CUTS)
async def test_an_answer_that_breaks_off_is_taken_from_another_endpoint(cut: str, mounted: Mounted) -> None:
    async with upstream(saying(CUTS[cut])) as bad, upstream(saying(full(CHAT), then_close=False)) as good:
        mounted.put(document([bad.url, good.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            told = await served.ask()
            assert (told.status, told.body, told.cut) == (200, CHAT, False)
            assert told.headers["x-keypool-attempts"] == "2"
            await eventually(lambda: _closed(bad))


@pytest.mark.parametrize("cut", CUTS)
async def test_an_answer_that_breaks_off_everywhere_is_an_error_that_says_so(cut: str, mounted: Mounted) -> None:
    async with upstream(saying(CUTS[cut])) as bad:
        mounted.put(document([bad.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            told = await served.ask()
            assert told.status >= 500 or b"overloaded" in told.body
            assert not told.cut or b"overloaded" in told.body
            assert VALUE.encode() not in told.body
            await eventually(lambda: _idle(served))
        await eventually(lambda: _closed(bad))


async def test_a_stream_that_breaks_off_ends_in_an_error_event_and_a_broken_transfer(mounted: Mounted) -> None:
    """What was committed is never repeated: no text comes twice."""
    async with upstream(saying(STREAM + chunk(delta("one")) + chunk(delta("two")[:30]))) as bad:
        mounted.put(document([bad.url], {"chat-0": VALUE, "chat-1": "sk-other"}))
        async with relay(mounted.path) as served:
            told = await served.ask(asked={"stream": True})
    assert (told.status, told.cut) == (200, True)
    assert told.body.startswith(delta("one"))
    assert b"keypool_broken_stream" in told.body
    assert len(bad.heard) == 1


async def test_a_stream_that_said_its_last_word_is_clean_however_it_is_closed(mounted: Mounted) -> None:
    async with upstream(saying(STREAM + chunk(delta("one")) + chunk(DONE))) as rude:
        mounted.put(document([rude.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            told = await served.ask(asked={"stream": True})
    assert (told.body, told.cut) == (delta("one") + DONE, False)


async def test_a_redirect_is_passed_on_and_never_followed(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT), then_close=False)) as elsewhere:
        moved = full(b"", "307 Temporary Redirect", more=f"Location: {elsewhere.url}/x\r\n".encode())
        async with upstream(saying(moved)) as first:
            mounted.put(document([first.url], {"chat-0": VALUE}))
            async with relay(mounted.path) as served:
                told = await served.ask(allow_redirects=False)
    assert (told.status, told.headers["Location"]) == (307, f"{elsewhere.url}/x")
    assert elsewhere.heard == []


async def test_a_bomb_of_gzip_is_not_unpacked(mounted: Mounted) -> None:
    """What is small on the wire and huge in memory goes on as it came, or is refused: it is never held unpacked."""
    bomb = gzip.compress(b"[" + b" " * 20_000_000 + b"]", 1)
    async with upstream(saying(full(bomb, more=b"Content-Encoding: gzip\r\n"))) as bad:
        mounted.put(document([bad.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            told = await served.ask()
    assert told.body == bomb or told.status == 502


async def _closed(upstream: Upstream) -> bool:
    return upstream.open == 0


async def _idle(served: Served) -> bool:
    return served.running.relay.open == 0 and served.running.buffers.free == served.running.buffers.total
