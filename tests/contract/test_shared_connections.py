"""Connections to a provider that several namespaces use: slow calls of one hold up no other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.core.breaker import State
from keypool.errand import ERRAND, Errand
from keypool.providers.connections import MAX_CONNECTIONS
from keypool.providers.transport import Call, Deadlines, Transport
from tests.waiting import eventually

ADMIN = SecretStr("admin-canary-0123456789")


@contextlib.asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """The URL of a server that answers every request so."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_slow_calls_of_one_namespace_hold_up_no_other_at_the_same_provider(method: str) -> None:
    answer, arrived = asyncio.Event(), list[str]()

    async def handler(request: web.Request) -> web.Response:
        arrived.append(request.path)
        if request.path == "/slow":
            await answer.wait()
        return web.json_response({})

    async with serving(handler) as url:
        transport = Transport(url, ADMIN, Deadlines(create=60.0, other=60.0))

        async def call(namespace: str, path: str, *, urgent: bool = False) -> object:
            ERRAND.set(Errand(namespace, urgent))
            return await transport.call(Call("ask", method, path))

        slow = [asyncio.create_task(call("a", "/slow")) for _ in range(2 * MAX_CONNECTIONS)]
        await eventually(lambda: asyncio.sleep(0, len(arrived) >= MAX_CONNECTIONS), 5, "one namespace has all it gets")
        await asyncio.create_task(call("b", "/quick"))
        await asyncio.create_task(call("a", "/leak", urgent=True))
        assert arrived == ["/slow"] * MAX_CONNECTIONS + ["/quick", "/leak"]
        answer.set()
        await asyncio.gather(*slow)
        await transport.close()


async def test_a_connection_that_was_not_free_in_time_says_nothing_about_the_endpoint() -> None:
    answer, arrived = asyncio.Event(), list[str]()

    async def handler(request: web.Request) -> web.Response:
        arrived.append(request.path)
        await answer.wait()
        return web.json_response({})

    async with serving(handler) as url:
        transport = Transport(url, ADMIN, Deadlines(other=60.0))
        slow = [asyncio.create_task(transport.call(Call("ask", "GET", "/"))) for _ in range(MAX_CONNECTIONS)]
        await eventually(lambda: asyncio.sleep(0, len(arrived) == MAX_CONNECTIONS), 5, "all connections are held")
        late = [transport.call(Call("ask", "GET", "/", until=asyncio.get_running_loop().time() + 1)) for _ in range(9)]
        outcomes = await asyncio.gather(*late, return_exceptions=True)
        assert {str(outcome) for outcome in outcomes} == {"ask: not sent, because no connection was free in time"}
        answer.set()
        await asyncio.gather(*slow)
        assert [seen.state for seen in transport.endpoints.seen()] == [State.CLOSED]
        await transport.close()
