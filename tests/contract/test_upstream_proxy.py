"""The fault proxy does what it is told, to the calls that it is told, and lets all others pass."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.contract.upstream_client import Caller, caller
from tests.upstreams.openrouter import OpenRouter
from tests.upstreams.proxy import (
    FAILED,
    HTML,
    MALFORMED,
    WRONG_TYPE,
    Delay,
    Drip,
    Duplicate,
    FaultProxy,
    Huge,
    Lose,
    Redirect,
    Say,
    Seen,
    Truncate,
    throttled,
)
from tests.waiting import eventually

NAME = {"name": "n"}


@pytest.fixture
async def upstream() -> AsyncIterator[OpenRouter]:
    async with OpenRouter() as running:
        yield running


@pytest.fixture
async def proxy(upstream: OpenRouter) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(upstream.url) as running:
        yield running


@pytest.fixture
async def call(upstream: OpenRouter, proxy: FaultProxy) -> AsyncIterator[Caller]:
    async with caller(proxy.url, upstream.admin_credential) as connected:
        yield connected


async def test_a_call_passes_with_its_body_credential_and_query(call: Caller, upstream: OpenRouter) -> None:
    made = await call("POST", "/keys", NAME)
    assert made.status == 201
    assert [key["hash"] for key in (await call("GET", "/keys?offset=0")).body["data"]] == [made.body["data"]["hash"]]
    assert (await call("GET", "/keys?offset=1")).body["data"] == []


async def test_calls_are_noted_without_their_queries(call: Caller, proxy: FaultProxy) -> None:
    await call("GET", "/keys?offset=0")
    proxy.next("GET", "/keys", Lose(), times=2)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await call("GET", "/keys")
    assert proxy.seen[0] == Seen("GET", "/api/v1/keys", 200)
    assert proxy.seen[-1] == Seen("GET", "/api/v1/keys", None)


async def test_a_percent_encoded_path_arrives_as_it_was_sent(call: Caller, proxy: FaultProxy) -> None:
    assert (await call("GET", "/keys/..%2Fkeys")).status == 404
    assert "..%2F" in proxy.seen[0].path


async def test_a_lost_answer_is_lost_after_the_work_is_done(
    call: Caller, proxy: FaultProxy, upstream: OpenRouter
) -> None:
    proxy.next("POST", "/keys$", Lose())
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await call("POST", "/keys", NAME)
    assert len(await upstream.live_fingerprints()) == 1


async def test_a_refused_call_never_arrives(call: Caller, proxy: FaultProxy, upstream: OpenRouter) -> None:
    proxy.next("POST", "/keys$", FAILED)
    assert (await call("POST", "/keys", NAME)).status == 500
    assert await upstream.live_fingerprints() == frozenset()


@pytest.mark.parametrize("retry_after", [None, "7"])
async def test_a_throttled_call_has_the_retry_after_it_was_told(
    call: Caller, proxy: FaultProxy, retry_after: str | None
) -> None:
    proxy.next("GET", "/keys", throttled(retry_after))
    got = await call("GET", "/keys")
    assert (got.status, got.headers.get("Retry-After")) == (429, retry_after)


@pytest.mark.parametrize(
    ("fault", "content_type"),
    [(MALFORMED, "application/json"), (HTML, "text/html"), (WRONG_TYPE, "application/octet-stream")],
    ids=["malformed", "html", "wrong type"],
)
async def test_a_senseless_answer_comes_after_the_work_is_done(
    call: Caller, proxy: FaultProxy, upstream: OpenRouter, fault: Say, content_type: str
) -> None:
    proxy.next("POST", "/keys$", fault)
    headers = {"Authorization": f"Bearer {upstream.admin_credential}"}
    async with aiohttp.request("POST", f"{proxy.url}/keys", json=NAME, headers=headers) as response:
        assert (response.status, response.content_type) == (200, content_type)
        assert await response.text() == fault.body
    assert len(await upstream.live_fingerprints()) == 1


async def test_a_truncated_answer_is_sound_http_and_half_the_json(call: Caller, proxy: FaultProxy) -> None:
    proxy.next("POST", "/keys$", Truncate())
    with pytest.raises(json.JSONDecodeError):
        await call("POST", "/keys", NAME)


async def test_a_redirect_leads_to_the_same_call(call: Caller, proxy: FaultProxy) -> None:
    proxy.next("GET", "/keys", Redirect())
    got = await call("GET", "/keys?offset=0")
    assert (got.status, got.headers["Location"]) == (302, "/api/v1/keys?offset=0")


async def test_a_huge_answer_ends_when_the_client_has_had_enough(call: Caller, proxy: FaultProxy) -> None:
    proxy.next("GET", "/models", Huge())
    async with aiohttp.ClientSession() as session:
        response = await session.get(f"{proxy.url}/models")
        assert len(await response.content.readexactly(2 * 1024 * 1024)) == 2 * 1024 * 1024
        response.close()

    async def noted() -> bool:
        return bool(proxy.seen)

    await eventually(noted, 2, "the proxy stops making bytes")


async def test_a_huge_answer_is_as_long_as_it_was_told(proxy: FaultProxy, call: Caller) -> None:
    proxy.next("GET", "/models", Huge(1024 * 1024))
    assert len((await call("GET", "/models")).body["padding"]) == 1024 * 1024


async def test_a_dripping_answer_comes_whole_if_one_waits(call: Caller, proxy: FaultProxy) -> None:
    proxy.next("GET", "/models", Drip(0.0001))
    assert (await call("GET", "/models")).body["data"]


@pytest.mark.parametrize("fault", [Drip(3600), Delay(3600)], ids=["drip", "delay"])
async def test_what_takes_too_long_ends_with_the_proxy(upstream: OpenRouter, fault: Drip | Delay) -> None:
    async with FaultProxy(upstream.url) as proxy, aiohttp.ClientSession() as session:
        proxy.next("GET", "/models", fault)
        with pytest.raises(TimeoutError):
            async with session.get(f"{proxy.url}/models", timeout=aiohttp.ClientTimeout(total=0.2)) as response:
                await response.read()


async def test_a_duplicated_call_is_carried_out_twice(call: Caller, proxy: FaultProxy, upstream: OpenRouter) -> None:
    proxy.next("POST", "/keys$", Duplicate())
    assert (await call("POST", "/keys", NAME)).status == 201
    assert len(await upstream.live_fingerprints()) == 2


async def test_a_fault_meets_its_method_and_path_as_often_as_planned(call: Caller, proxy: FaultProxy) -> None:
    proxy.next("GET", "/keys", FAILED, times=2)
    assert (await call("GET", "/models")).status == 200
    assert [(await call("GET", "/keys")).status for _ in range(3)] == [500, 500, 200]


async def test_what_is_planned_can_be_seen_and_forgotten(call: Caller, proxy: FaultProxy) -> None:
    proxy.next("GET", "/keys", FAILED)
    assert proxy.pending == (FAILED,)
    proxy.calm()
    assert (await call("GET", "/keys")).status == 200


async def test_an_upstream_that_is_gone_ends_the_connection() -> None:
    async with OpenRouter() as upstream:
        url = upstream.url
    async with FaultProxy(url) as proxy, caller(proxy.url) as call:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await call("POST", "/keys", NAME)
