"""The transport against servers that answer oddly: each test says with what."""

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.providers.answers import MIB
from keypool.providers.connections import MAX_CONNECTIONS
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Throttled
from keypool.providers.protocol import NewKey
from keypool.providers.transport import Answer, Call, Deadlines, Transport
from tests.contract.conftest import holysheep_at
from tests.contract.raw import sending
from tests.reaching import THIS_MACHINE

ADMIN = SecretStr("admin-canary-0123456789")
VALUE = SecretStr("sk/hs+canary=0123456789&%20?#")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(handler)` answers every request with the handler and returns the base URL."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runners.append(runner := web.AppRunner(app, access_log=None, shutdown_timeout=0.1))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def ask(url: str, call: Call | None = None) -> Answer:
    transport = Transport(url, ADMIN, Deadlines(create=3.0, other=3.0))
    try:
        return await transport.call(call or Call("ask", "GET", "/"))
    finally:
        await transport.close()


def answering(
    body: bytes, content_type: str = "application/json", status: int = 200, headers: dict[str, str] | None = None
) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, status=status, headers=headers)

    return handler


def test_no_repr_of_a_call_shows_what_it_sends() -> None:
    assert "canary" not in repr(Call("make", "POST", "/keys", body={"key": "sk-canary"}, headers={"K": "canary"}))


async def test_json_arrives_as_it_was_sent(serve: Serve) -> None:
    assert (await ask(await serve(answering(b'{"a": 1}')))).body == b'{"a": 1}'


async def test_a_compressed_answer_is_read_although_none_was_asked_for(serve: Serve) -> None:
    handler = answering(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})
    assert (await ask(await serve(handler))).body == b'{"a": 1}'


@pytest.mark.parametrize("size", [MIB + 1, 64 * MIB])
async def test_a_body_over_the_limit_is_ambiguous(serve: Serve, size: int) -> None:
    with pytest.raises(Ambiguous, match="larger than 1048576 bytes"):
        await ask(await serve(answering(b" " * size)))


async def test_an_endless_body_is_not_read_beyond_the_limit(serve: Serve) -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while sent < 256 * MIB:
            await response.write(b" " * 65536)
            sent += 65536
        return response

    with pytest.raises(Ambiguous, match="larger than"):
        await ask(await serve(handler))
    assert sent < 32 * MIB  # what fits into the buffers of two sockets


async def test_a_compression_bomb_is_counted_by_what_it_unpacks_to(serve: Serve) -> None:
    bomb = gzip.compress(b" " * (8 * MIB))
    with pytest.raises(Ambiguous, match="larger than"):
        await ask(await serve(answering(bomb, headers={"Content-Encoding": "gzip"})))


async def test_nested_compression_is_refused(serve: Serve) -> None:
    nested = gzip.compress(gzip.compress(b"{}"))
    with pytest.raises(Ambiguous, match="compressed in a way"):
        await ask(await serve(answering(nested, headers={"Content-Encoding": "gzip, gzip"})))


async def test_broken_compression_is_ambiguous(serve: Serve) -> None:
    broken = zlib.compress(b"{}" * 100)[:-20] + b"garbage"
    with pytest.raises(Ambiguous):
        await ask(await serve(answering(broken, headers={"Content-Encoding": "deflate"})))


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/octet-stream"])
async def test_json_under_another_content_type_is_ambiguous(serve: Serve, content_type: str) -> None:
    with pytest.raises(Ambiguous, match="not JSON"):
        await ask(await serve(answering(b"{}", content_type=content_type)))


async def test_a_redirect_is_rejected_and_the_credential_is_not_forwarded(serve: Serve) -> None:
    visited = []

    async def target(request: web.Request) -> web.Response:
        visited.append(request.path)
        return web.json_response({})

    headers = {"Location": await serve(target)}
    with pytest.raises(Rejected, match="redirects are never followed"):
        await ask(await serve(answering(b"", status=302, headers=headers)))
    assert visited == []


async def test_a_retry_after_is_capped_at_an_hour(serve: Serve) -> None:
    with pytest.raises(Throttled) as caught:
        await ask(await serve(answering(b"", status=429, headers={"Retry-After": "999999"})))
    assert caught.value.retry_after == timedelta(hours=1)


async def test_cookies_are_not_kept(serve: Serve) -> None:
    sent = []

    async def handler(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie"))
        return web.json_response({}, headers={"Set-Cookie": "session=1; Path=/"})

    by_name = (await serve(handler)).replace("127.0.0.1", "localhost")  # addresses get no cookies anyway
    transport = Transport(by_name, ADMIN, Deadlines(), reach=THIS_MACHINE)
    for _ in range(2):
        await transport.call(Call("ask", "GET", "/"))
    await transport.close()
    assert sent == [None, None]


async def test_any_value_reaches_the_provider_unchanged_in_header_and_query(serve: Serve) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.extend([request.headers.get("X-API-Key"), request.query.get("key")])
        if request.query:
            return web.json_response({"is_valid": True})
        return web.json_response({"detail": [{"loc": ["query", "key"], "msg": "Field required"}]}, status=422)

    provider = holysheep_at(await serve(handler), ADMIN.get_secret_value(), Deadlines())
    await provider.probe(VALUE)
    await provider.close()
    assert seen == [VALUE.get_secret_value(), None, None, VALUE.get_secret_value()]


async def test_a_call_that_found_no_free_connection_was_certainly_not_sent(serve: Serve) -> None:
    arrived = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        await asyncio.sleep(1.2)
        return web.json_response({})

    transport = Transport(await serve(handler), ADMIN, Deadlines(create=2.0))
    calls = [transport.call(Call("make", "POST", "/", body={})) for _ in range(MAX_CONNECTIONS + 3)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await transport.close()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Answer"] * MAX_CONNECTIONS + ["Unavailable"] * 3
    assert arrived == MAX_CONNECTIONS


async def test_each_create_travels_on_a_connection_of_its_own(serve: Serve) -> None:
    peers = []

    async def handler(request: web.Request) -> web.Response:
        peers.append(request.transport and request.transport.get_extra_info("peername"))
        return web.json_response({})

    transport = Transport(await serve(handler), ADMIN, Deadlines())
    for _ in range(3):
        await transport.call(Call("make", "POST", "/", body={}))
    await transport.close()
    assert len(set(peers)) == 3


async def test_a_provider_that_repeats_our_secrets_does_not_get_them_into_a_message(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        told = f"{request.headers['Authorization']} with {request.headers['X-API-Key']} and {request.raw_path}"
        return web.json_response({"error": {"message": told}}, status=403)

    provider = holysheep_at(await serve(handler), ADMIN.get_secret_value(), Deadlines())
    with pytest.raises(Rejected, match="403") as caught:
        await provider.probe(VALUE)
    await provider.close()
    assert "canary" not in repr(caught.value)


async def test_nothing_is_logged_about_a_call(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await ask(await serve(answering(b"{}")), Call("ask", "GET", "/", query={"key": VALUE.get_secret_value()}))
    assert [record for record in caplog.records if "canary" in record.getMessage()] == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 999999 OK\r\n\r\n",
    ],
    ids=["nothing", "garbage", "cut body", "bad chunk", "huge header", "bad status"],
)
async def test_what_is_not_proper_http_is_ambiguous(raw: bytes) -> None:
    async with sending(raw) as url:
        with pytest.raises(Ambiguous) as caught:
            await ask(url, Call("make", "POST", "/", query={"key": "canary"}, body={}))
    assert "canary" not in str(caught.value)


MALFORMED = {
    "no key": b'{"id": "key_1"}',
    "null key": b'{"id": "key_1", "key": null}',
    "short key": b'{"id": "key_1", "key": "short"}',
    "key with a line break": b'{"id": "key_1", "key": "sk-hs-0123456789\\nabcdef"}',
    "expiry in year 9999": b'{"id": "key_1", "key": "sk-hs-0123456789abcdef", "expires_at": "9999-01-01T00:00:00Z"}',
    "expiry as a number": b'{"id": "key_1", "key": "sk-hs-0123456789abcdef", "expires_at": 1}',
}
HANDLELESS = {
    "no id": b'{"key": "sk-hs-0123456789abcdef"}',
    "path as id": b'{"id": "../keys", "key": "sk-hs-0123456789abcdef"}',
    "control character in id": b'{"id": "key\\u0000", "key": "sk-hs-0123456789abcdef"}',
    "array": b"[]",
    "truncated": b'{"id": "key_1", "key": "sk-hs-012345',
    "deep": b'{"id": "key_1", "x": ' + b"[" * 100_000,
    "huge number": b'{"id": "key_1", "x": ' + b"9" * 900_000 + b"}",
    "empty": b"",
}


@pytest.mark.parametrize("case", [*MALFORMED, *HANDLELESS])
async def test_a_malformed_create_answer_is_unreadable_and_has_a_handle_where_one_can_be_read(
    serve: Serve, case: str
) -> None:
    body = (MALFORMED | HANDLELESS)[case]
    provider = holysheep_at(await serve(answering(body, status=201)), ADMIN.get_secret_value(), Deadlines())
    with pytest.raises(ProviderError) as caught:
        await provider.create(NewKey("n", timedelta(days=1)))
    await provider.close()
    assert vars(caught.value) == {"handle": "key_1" if case in MALFORMED else None}
    assert "sk-hs" not in repr(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"keys": null}', b'{"keys": [{"id": "a"}, {"id": "../b"}]}', b'{"keys": [{"id": 1}]}'],
)
async def test_one_malformed_entry_makes_a_listing_incomplete(serve: Serve, body: bytes) -> None:
    provider = holysheep_at(await serve(answering(body)), ADMIN.get_secret_value(), Deadlines())
    with pytest.raises(Ambiguous, match="not a complete listing"):
        await provider.list_keys()
    await provider.close()


@pytest.mark.parametrize("body", [b"{}", b'{"is_valid": "false"}', b'{"is_valid": 0}', b'{"is_valid": null}', b"false"])
async def test_only_a_plain_false_is_a_rejection(serve: Serve, body: bytes) -> None:
    provider = holysheep_at(await serve(answering(body)), ADMIN.get_secret_value(), Deadlines())
    with pytest.raises(Ambiguous, match="does not say whether"):
        await provider.probe(VALUE)
    await provider.close()
