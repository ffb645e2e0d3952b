"""A provider that repeats the pool's key in what it answers: the application, which has none, never sees it."""

import asyncio
import gzip
import json

import pytest

from tests.relay.bytewise import POST, raw
from tests.relay.mounted import Mounted, document
from tests.relay.served import ASKED, HEADERS, relay
from tests.relay.stages import saying
from tests.relay.upstream import CHAT, END, STREAM, Heard, chunk, full, upstream
from tests.waiting import within

VALUE = "sk-canary/of-attacks"
ECHO = json.dumps({"error": {"message": f"Incorrect API key provided: {VALUE}.", "code": "invalid_api_key"}}).encode()
LEFT_OUT = ("in a trailer", "in a large body, compressed", "in a body that nobody can unpack")
"""What nobody looks into does not go on."""
ECHOES = {
    "in the body": full(ECHO, "401 Unauthorized"),
    "in the body, as JSON may write it": full(ECHO.replace(b"/", b"\\/"), "401 Unauthorized"),
    "in a compressed body": full(gzip.compress(ECHO), "401 Unauthorized", more=b"Content-Encoding: gzip\r\n"),
    "in a large body": full(b" " * 2**20 + ECHO, "401 Unauthorized"),
    "in a large body, compressed": full(gzip.compress(bytes(2**17) + ECHO), "401", more=b"Content-Encoding: gzip\r\n"),
    "in a body that nobody can unpack": full(ECHO, "401 Unauthorized", more=b"Content-Encoding: br\r\n"),
    "in a header": full(b"{}", "400 Bad Request", more=f"X-Debug: key={VALUE}\r\n".encode()),
    "in a header of a success": full(CHAT, more=f"X-Debug: Bearer {VALUE}\r\n".encode()),
    "in a redirect": full(b"", "307 Temporary Redirect", more=f"Location: http://evil.example/?key={VALUE}\r\n".encode()),
    "in an error event": STREAM + chunk(b"data: " + ECHO + b"\n\n") + END,
    "in a trailer": STREAM + chunk(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n')
    + f"0\r\nX-Debug: {VALUE}\r\n\r\n".encode(),
}  # fmt: skip


@pytest.mark.parametrize("where", ECHOES)
async def test_a_provider_that_repeats_the_pools_key_does_not_tell_it_to_the_application(
    where: str, mounted: Mounted
) -> None:
    """The application has no key, and writes errors to its log."""
    async with upstream(saying(ECHOES[where])) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            streams = any(word in where for word in ("event", "trailer", "stream"))
            answer = await served.ask(asked={"stream": streams}, allow_redirects=False)
            body = gzip.decompress(answer.body) if answer.headers.get("Content-Encoding") == "gzip" else answer.body
    assert provider.heard[0].key == VALUE
    assert answer.status < 500
    said = f"{answer.headers} {body.decode()}".replace("\\/", "/")
    assert VALUE not in said
    assert ("chat-0]" in said) is (where not in LEFT_OUT)


async def test_a_key_in_the_last_line_of_a_stream_is_not_told_where_the_line_has_no_end(mounted: Mounted) -> None:
    begun = asyncio.Event()

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'))
        await begun.wait()
        writer.write(chunk(b"data: " + ECHO) + END)

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            asked = served.session.post(f"{served.url}/v1/chat/completions", json=ASKED, headers=HEADERS)
            async with asked as response:
                said = await within(response.content.readany(), 15)
                begun.set()
                said += await within(response.content.read(), 15)
    assert said.endswith(b"data: " + ECHO.replace(VALUE.encode(), b"[chat-0]"))


async def test_where_no_memory_is_free_an_error_goes_on_without_the_key_as_well(mounted: Mounted) -> None:
    async with upstream(saying(full(ECHO, "401 Unauthorized"))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            with served.running.buffers.lease() as all_of_it:
                assert all_of_it.take(served.running.buffers.free)
                answer = await served.ask("/v1/models", "GET")
    assert (answer.status, answer.body.count(b"[chat-0]"), VALUE.encode() in answer.body) == (401, 1, False)


async def test_the_status_line_repeats_no_key(mounted: Mounted) -> None:
    async with upstream(saying(full(b"{}", f"400 No key {VALUE}"))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await raw(served.running.port, POST + b"Content-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 400 No key [chat-0]\r\n")
    assert VALUE.encode() not in answer


async def test_what_is_no_text_of_the_provider_goes_on_byte_for_byte(mounted: Mounted) -> None:
    """A file of the application's, in which its bytes stand by chance."""
    file = VALUE.encode() + bytes(2**21)
    async with upstream(saying(full(file, kind="application/octet-stream"))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await served.ask("/v1/files/f/content", "GET")
    assert (answer.body == file, answer.headers.get("Content-Length")) == (True, str(len(file)))
