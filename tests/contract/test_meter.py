"""Every request is counted, and a refusal for too many of them is told to the account, unless it is a key's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.providers.endpoints import Endpoints
from keypool.providers.errors import Throttled, Unavailable
from keypool.providers.transport import Call, Deadlines, Transport
from tests.contract.test_transport import Serve, answering, serve
from tests.waiting import PATIENCE

__all__ = ["serve"]

LISTING = Call("list the keys", "GET", "/keys")


class Meter:
    """Notes what is counted. `closed`: nobody gets a turn."""

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self.turns: list[str] = []
        self.pauses: list[timedelta | None] = []
        self.patient: list[bool] = []

    @asynccontextmanager
    async def turn(self, what: str, *, patient: bool) -> AsyncIterator[None]:
        """A request."""
        if self.closed:
            raise Throttled(f"{what}: not sent")
        self.turns.append(what)
        self.patient.append(patient)
        yield

    def throttled(self, retry_after: timedelta | None) -> None:
        """The provider asks for fewer."""
        self.pauses.append(retry_after)


async def ask(url: str, meter: Meter, call: Call = LISTING) -> None:
    """One request."""
    transport = Transport(url, SecretStr("the-admin-key"), Deadlines(create=3.0, other=3.0), meter)
    try:
        await transport.call(call)
    finally:
        await transport.close()


async def test_every_request_is_counted_also_one_that_fails(serve: Serve) -> None:
    meter = Meter()
    await ask(await serve(answering(b"{}")), meter)
    with pytest.raises(Exception, match="500"):
        await ask(await serve(answering(b"", status=500)), meter)
    assert meter.turns == ["list the keys"] * 2
    assert not meter.pauses


async def test_a_try_at_another_endpoint_counts_as_well(serve: Serve) -> None:
    meter = Meter()
    endpoints = Endpoints([await serve(answering(b"", status=503)), await serve(answering(b"{}"))])
    transport = Transport(endpoints, SecretStr("the-admin-key"), Deadlines(create=3.0, other=3.0), meter)
    await transport.call(LISTING)
    await transport.close()
    assert meter.turns == ["list the keys"] * 2
    assert meter.patient == [True, False]


class Never(Meter):
    """Lets everybody wait."""

    @asynccontextmanager
    async def turn(self, what: str, *, patient: bool) -> AsyncIterator[None]:
        """A request that waits."""
        await asyncio.Event().wait()
        yield


async def test_waiting_for_a_turn_is_a_part_of_the_time_that_a_method_has(serve: Serve) -> None:
    until = asyncio.get_running_loop().time() + 0.2
    async with asyncio.timeout(5 * PATIENCE):
        with pytest.raises(Unavailable, match=r"list the keys: not sent, because no turn .* came in time"):
            await ask(await serve(answering(b"{}")), Never(), replace(LISTING, until=until))


class Once(Meter):
    """The first request alone gets a turn."""

    @asynccontextmanager
    async def turn(self, what: str, *, patient: bool) -> AsyncIterator[None]:
        """A request."""
        if self.turns:
            raise Throttled(f"{what}: not sent")
        async with super().turn(what, patient=patient):
            yield


async def test_an_endpoint_that_was_not_tried_for_want_of_a_turn_does_not_count_as_working(serve: Serve) -> None:
    endpoints = Endpoints([await serve(answering(b"", status=503)), await serve(answering(b"{}"))])
    transport = Transport(endpoints, SecretStr("the-admin-key"), Deadlines(create=3.0, other=3.0), Once())
    with pytest.raises(Throttled, match="not sent"):
        await transport.call(LISTING)
    await transport.close()
    assert [endpoint.in_use for endpoint in endpoints.seen()] == [False, False]


async def test_without_a_turn_nothing_is_sent(serve: Serve) -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({})

    with pytest.raises(Throttled, match="list the keys: not sent"):
        await ask(await serve(note), Meter(closed=True))
    assert not seen


async def test_only_what_changes_nothing_may_wait_for_its_turn(serve: Serve) -> None:
    meter, url = Meter(), await serve(answering(b"{}"))
    for method in ("GET", "POST", "DELETE", "PATCH"):
        await ask(url, meter, Call("ask", method, "/keys"))
    assert meter.patient == [True, False, False, False]


async def test_a_kinds_daily_cap_does_not_stop_the_account(serve: Serve) -> None:
    meter, call = Meter(), Call("create a key", "POST", "/keys", daily="daily limit")
    with pytest.raises(Throttled):
        await ask(await serve(answering(b"daily limit reached", status=429)), meter, call)
    assert not meter.pauses


@pytest.mark.parametrize(("header", "pause"), [({"Retry-After": "7"}, timedelta(seconds=7)), ({}, None)])
async def test_too_many_requests_of_the_account_are_told(
    serve: Serve, header: dict[str, str], pause: timedelta | None
) -> None:
    meter = Meter()
    with pytest.raises(Throttled):
        await ask(await serve(answering(b"", status=429, headers=header)), meter)
    assert meter.pauses == [pause]


async def test_a_key_that_used_up_its_own_limit_holds_up_nobody_else(serve: Serve) -> None:
    meter = Meter()
    probe = Call("try a key", "GET", "/models", headers={"Authorization": "Bearer sk-a-key"})
    with pytest.raises(Throttled):
        await ask(await serve(answering(b"", status=429, headers={"Retry-After": "7"})), meter, probe)
    assert not meter.pauses
