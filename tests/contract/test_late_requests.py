"""A process that was paused, or whose loop was held up, does not send what it meant to send long ago."""

import asyncio

import httpx
import pytest
from aiohttp import web

from keypool.providers.connections import NotSent, connections, sent_by
from tests.contract.test_transport import Serve, serve
from tests.reaching import THIS_MACHINE

__all__ = ["serve"]


@pytest.mark.parametrize(("method", "body"), [("DELETE", None), ("POST", b"{}"), ("GET", None)])
async def test_nothing_is_sent_when_the_time_for_it_is_over(serve: Serve, method: str, body: bytes | None) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.method)
        return web.Response()

    url, ways = await serve(answer), connections(keep=True, reach=THIS_MACHINE)
    now = asyncio.get_running_loop().time()
    try:
        with sent_by(now + 60):
            await (await ways.handle_async_request(httpx.Request(method, url, content=body))).aclose()
        with sent_by(now), pytest.raises(httpx.TransportError) as caught:
            await ways.handle_async_request(httpx.Request(method, url, content=body))
        assert isinstance(caught.value.__cause__, NotSent)
    finally:
        await ways.aclose()
    assert seen == [method]
