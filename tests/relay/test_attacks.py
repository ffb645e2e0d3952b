"""The relay as an attacker sees it: requests that are read in two ways, peers that are slow on purpose, and echoes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from keypool_client.relay import running
from keypool_client.relay.listeners import Server
from tests.relay.bytewise import CREDENTIAL, HIDDEN, HOST, LINE, POST, raw
from tests.relay.mounted import Mounted, document
from tests.relay.served import LONGEST, relay
from tests.relay.stages import saying
from tests.relay.upstream import CHAT, END, Heard, chunk, full, upstream
from tests.waiting import eventually, within

VALUE = "sk-canary/of-attacks"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
NOTHING = b"0\r\n\r\n"
TWICE_READ = {
    "length and chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + NOTHING + HIDDEN,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 70\r\n\r\n" + HIDDEN,
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\n" + HIDDEN,
    "chunked, and not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + NOTHING + HIDDEN,
    "chunked, misspelt": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + NOTHING + HIDDEN,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + NOTHING + HIDDEN,
    "a folded header": POST + b"X-A: b\r\n " + CHUNKED + NOTHING + HIDDEN,
    "two hosts": LINE + HOST + b"Host: evil.example\r\n" + CREDENTIAL + b"Content-Length: 2\r\n\r\n{}",
    "no host": LINE + CREDENTIAL + b"Content-Length: 2\r\n\r\n{}",
    "a whole URL": b"GET http://evil.example/v1/models HTTP/1.1\r\n" + HOST + CREDENTIAL + b"\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + CREDENTIAL + b"\r\n",
    "a bare line feed": POST + b"X-A: b\n" + CHUNKED + NOTHING + HIDDEN,
    "a chunk's size that is none": POST + CHUNKED + b"0x2\r\n{}\r\n" + NOTHING + HIDDEN,
}  # fmt: skip


@pytest.mark.parametrize("how", TWICE_READ)
async def test_a_request_that_two_servers_would_read_in_two_ways_is_refused(how: str, mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT), then_close=False)) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await raw(served.running.port, TWICE_READ[how])
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 403")), answer
    assert answer.count(b"HTTP/1.") == 1, answer
    assert provider.heard == []


async def test_a_client_can_take_neither_the_pools_credential_away_nor_send_its_own_behind_the_body(
    mounted: Mounted,
) -> None:
    """Connection names headers that end at the relay; a trailer is a header that comes late."""
    head = POST + b"Connection: authorization, host, content-length, x-mine\r\nX-Mine: 1\r\n"
    body = b"Trailer: Authorization\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"{}")
    trailer = b"0\r\nAuthorization: Bearer sk-mine\r\nx-api-key: sk-mine\r\n\r\n"
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await raw(served.running.port, head + body + trailer)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    [heard] = provider.heard
    assert (heard.key, heard.body, heard.head.lower().count(b"authorization")) == (VALUE, b"{}", 1)
    assert b"mine" not in heard.head.lower()


@pytest.mark.parametrize("which", ["GET", "POST", "upload"])
async def test_an_answer_whose_beginning_never_ends_is_given_up_in_time(which: str, mounted: Mounted) -> None:
    """Each byte, and each 1xx, is a sign of life; together they are no answer."""

    async def endless(heard: Heard, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    kinds = {"upload": {"headers": {"Content-Type": "multipart/form-data; boundary=b"}, "data": b"--b--"}}
    async with upstream(endless) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path, first_byte_seconds="0.3", connect_seconds="2") as served:
            path = {"GET": "/v1/models", "POST": "/v1/chat/completions", "upload": "/v1/files"}[which]
            more = {"headers": {"x-keypool-retry": "safe"}, **kinds.get(which, {})}
            asking = served.ask(path, "GET" if which == "GET" else "POST", **more)
            answer = await within(asking, 15)
    assert (answer.status, answer.code) == (504, "keypool_no_answer")


async def test_an_endpoint_that_refuses_an_upload_before_it_was_read_is_heard(mounted: Mounted) -> None:
    refusal = full(b'{"error": {"message": "too large"}}', "413 Content Too Large", more=b"Connection: close\r\n")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        while await reader.read(65536):
            pass
        writer.close()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 65536

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    mounted.put(document([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"], {"chat-0": VALUE}))
    async with relay(mounted.path) as served:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await within(served.ask("/v1/files", data=pieces(), headers=kind), 30)
    server.close()
    assert (answer.status, b"too large" in answer.body) == (413, True)


async def test_a_body_that_comes_byte_by_byte_does_not_hold_memory_for_ever(mounted: Mounted) -> None:
    """Each pause is short; the whole is not."""
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path, body_seconds="0.2") as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.running.port)
            writer.write(POST + b"Content-Type: application/json\r\nContent-Length: 4000000\r\n\r\n{")

            async def dripping() -> None:
                while True:
                    writer.write(b" ")
                    await asyncio.sleep(0.05)

            drip = asyncio.create_task(dripping())
            try:
                answer = await within(reader.readuntil(b"keypool_body_too_slow"), 15)
            finally:
                drip.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await drip
                writer.close()
            assert answer.startswith(b"HTTP/1.1 408")
            await eventually(lambda: _free(served.running.buffers.free == served.running.buffers.total))
    assert provider.heard == []


async def test_idle_connections_to_the_health_port_keep_neither_kubelet_nor_prometheus_out(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reaches the pod reaches that port: without room there, the kubelet would restart the relay."""
    monkeypatch.setattr(running, "MOST_PROBES", 5)
    held: list[asyncio.StreamWriter] = []
    async with relay(mounted.path) as served:
        port = served.running.health_port
        for number in range(12):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            if number % 2:
                writer.write(b"GET /livez HTTP/1.1\r\nHost: pod\r\n\r\n")
            held.append(writer)
        async with ClientSession(timeout=LONGEST) as session, session.get(f"http://127.0.0.1:{port}/livez") as answer:
            assert answer.status == 200
        for writer in held:
            writer.close()


async def test_connections_that_leave_their_answers_unread_are_no_more_than_may_be() -> None:
    """To close one waits until all is read: then whoever reads nothing could open as many as there are files."""

    async def much(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(32 * 2**20))

    server, held = Server(much, 3, makes_room=True), list[asyncio.StreamWriter]()
    port = await server.listen(["127.0.0.1"], 0)
    try:
        for _ in range(9):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            held.append(writer)
            writer.write(b"GET / HTTP/1.1\r\nHost: pod\r\n\r\n")
            await within(reader.readuntil(b"\r\n\r\n"), 20)
        await eventually(lambda: _free(server.connections <= 3))
    finally:
        for writer in held:
            writer.close()
        await server.close()


@pytest.mark.parametrize("length", [3, 300])
async def test_an_answer_with_a_length_and_chunks_never_leaves_its_client_waiting(
    length: int, mounted: Mounted
) -> None:
    """A length that does not fit what comes would make the next answer a part of this one."""
    both = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with upstream(saying(both.encode() + chunk(b"hello") + END)) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await within(served.ask("/v1/files/f/content", "GET"), 15)
    assert answer.status == 502 or answer.cut or answer.body == b"hello"


@pytest.mark.parametrize(
    "odd", [b"X-Odd: a\rb\r\n", b"X-Odd: caf\xe9\r\n", b"X-Odd: a\x01b\r\n", b"X Odd: a\r\n", b"X-Odd: a\r\n b\r\n"]
)
async def test_odd_headers_of_a_provider_do_not_cost_the_client_its_answer(odd: bytes, mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT, more=odd))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await within(served.ask(headers={"x-keypool-retry": "safe"}), 15)
    assert answer.status in {200, 502}  # where it is no HTTP at all, there was no answer


async def _free(whether: bool) -> bool:
    return whether
