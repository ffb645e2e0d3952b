"""Connections to endpoints: reused, refused, with a CA of their own, through a proxy; uploads; WebSockets."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType

from tests.relay.mounted import Mounted, document
from tests.relay.served import relay
from tests.relay.stages import Standing, saying
from tests.relay.upstream import CHAT, Heard, full, upstream

REFUSED = "http://127.0.0.1:1/v1"
"""Nothing listens there."""


async def test_an_idle_connection_that_the_provider_closed_costs_nobody_an_answer(mounted: Mounted) -> None:
    """A server may close an idle connection just when a request is sent: no byte comes, and no attempt counts."""
    answered = 0

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        if answered % 2:
            writer.close()  # the second request on a connection
        else:
            writer.write(full(CHAT))
        answered += 1

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            told = [await served.ask() for _ in range(5)]
    assert {each.status for each in told} == {200}
    assert len(provider.heard) > 5


async def test_an_endpoint_that_refuses_connections_is_left_for_the_next(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as good:
        mounted.put(document([REFUSED, good.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            told = [await served.ask() for _ in range(3)]
    assert {each.status for each in told} == {200}


async def test_when_no_endpoint_can_be_connected_to_the_client_hears_that(mounted: Mounted) -> None:
    mounted.put(document([REFUSED], {"chat-0": "sk-one"}))
    async with relay(mounted.path) as served:
        told = await served.ask()
    assert (told.status, told.code) == (502, "keypool_unreachable")


async def test_an_answer_that_does_not_begin_in_time_is_an_error_that_says_so(mounted: Mounted) -> None:
    async with upstream(Standing(b"")) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path, first_byte_seconds="0.2") as served:
            told = await served.ask(headers={"x-keypool-retry": "safe"})
    assert (told.status, told.code) == (504, "keypool_no_answer")
    assert len(provider.heard) == 1


async def test_an_upload_goes_on_as_it_comes_once(mounted: Mounted) -> None:
    """Multipart bodies may be huge; where nothing is held, nothing can be repeated."""
    async with upstream(saying(full(b'{"error": {}}', "500 Oops"))) as provider:
        mounted.put(document([provider.url, provider.url], {"chat-0": "sk-one", "chat-1": "sk-two"}))
        async with relay(mounted.path) as served:
            kind = {"Content-Type": "multipart/form-data; boundary=b"}
            told = await served.ask("/v1/files", data=b"--b\r\n\r\nhello\r\n--b--", headers=kind)
    assert (told.status, told.headers["x-keypool-attempts"]) == (500, "1")
    assert "x-should-retry" not in told.headers
    assert [(heard.body, heard.header("content-length")) for heard in provider.heard] == [
        (b"--b\r\n\r\nhello\r\n--b--", "19")
    ]


async def test_an_upload_that_the_endpoint_stops_reading_ends_in_time(mounted: Mounted) -> None:
    """It is sent as it comes: without a deadline it would stand as long as the client does."""
    over, sent = asyncio.Event(), 0

    async def read_no_more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await over.wait()
        writer.close()

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while not over.is_set():
            yield b"x" * 65536
            sent += 1

    server = await asyncio.start_server(read_no_more, "127.0.0.1", 0)
    mounted.put(document([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"], {"chat-0": "sk-one"}))
    async with relay(mounted.path, idle_seconds="0.3") as served:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        told = await served.ask("/v1/files", data=endless(), headers=kind)
        over.set()
    server.close()
    assert (told.status, told.code) == (504, "keypool_no_answer")
    assert sent > 1


async def test_an_upload_may_pause_at_the_client_for_longer_than_the_endpoint_may(mounted: Mounted) -> None:
    """The endpoint's time runs while it is sent something."""
    async with upstream(saying(full(b"{}"))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path, idle_seconds="0.1") as served:

            async def pausing() -> AsyncIterator[bytes]:
                yield b"one"
                await asyncio.sleep(0.3)  # it is the pause itself that is tried
                yield b"two"

            kind = {"Content-Type": "multipart/form-data; boundary=b"}
            told = await served.ask("/v1/files", data=pausing(), headers=kind)
    assert (told.status, [heard.body for heard in provider.heard]) == (200, [b"onetwo"])


async def test_what_finds_no_memory_goes_on_as_it_comes_once(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            with served.running.buffers.lease() as all_of_it:
                assert all_of_it.take(served.running.buffers.free)
                told = await served.ask()
    assert (told.status, told.body) == (200, CHAT)


async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            told = await served.ask(expect100=True)
    assert told.status == 200
    assert provider.heard[0].header("expect") is None


async def test_the_sdk_hears_not_to_try_again_where_the_relay_has(mounted: Mounted) -> None:
    async with upstream(saying(full(b'{"error": {}}', "500 Oops"))) as provider:
        mounted.put(document([provider.url, provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            told = await served.ask()
    assert told.status == 500
    assert int(told.headers["x-keypool-attempts"]) == len(provider.heard) > 1
    assert told.headers["x-should-retry"] == "false"


async def test_a_proxy_is_used_except_for_hosts_that_it_is_not_for(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as proxy:
        mounted.put(document(["http://api.example.com/v1"], {"chat-0": "sk-one"}))
        environ = {"HTTP_PROXY": proxy.url.removesuffix("/v1")}
        async with relay(mounted.path, environ) as served:
            told = await served.ask()
    assert told.status == 200
    assert proxy.heard[0].line == "POST http://api.example.com/v1/chat/completions HTTP/1.1"


@pytest.mark.parametrize("path", ["/v1/realtime?model=m", "/v1/responses"])
async def test_a_websocket_is_tunnelled_with_the_pools_key(path: str, mounted: Mounted) -> None:
    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        digest = hashlib.sha1(f"{heard.header('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())  # noqa: S324
        accept = base64.b64encode(digest.digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: realtime\r\n\r\n\x81\x05hello"
        )
        await heard.reader.readexactly(2 + 4 + 3)  # a frame with a mask
        writer.write(b"\x88\x00")
        writer.close()

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            headers = {"Authorization": "Bearer mine"}
            protocols = ("realtime", "openai-insecure-api-key.mine")
            socket = await served.session.ws_connect(served.url + path, headers=headers, protocols=protocols)
            assert (await socket.receive_str(), socket.protocol) == ("hello", "realtime")
            await socket.send_str("and")
            assert (await socket.receive()).type is WSMsgType.CLOSE
    assert provider.heard[0].key == "sk-one"
    assert b"mine" not in provider.heard[0].head


async def test_a_websocket_that_the_provider_refuses_is_an_answer_as_any_other(mounted: Mounted) -> None:
    """Before the 101 another key is tried, as for every request."""

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        bad = heard.key == "sk-dead"
        writer.write(full(b'{"error": {"message": "no"}}', "401 Unauthorized" if bad else "404 Not Found"))

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-dead", "chat-1": "sk-two"}))
        async with relay(mounted.path) as served:
            headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
            told = await served.ask("/v1/realtime", "GET", headers=headers | {"Sec-WebSocket-Version": "13"})
    assert told.status == 404
    assert provider.heard[-1].key == "sk-two"
