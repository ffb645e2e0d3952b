"""A token endpoint that fails is not called for each call that needs a token."""

import asyncio

from aiohttp import web

from keypool.providers.errors import Unavailable
from keypool.providers.oauth import ClientCredentials
from keypool.providers.registry import NOBODY
from keypool.providers.transport import Transport
from tests.contract.oauth_server import OAuthServer
from tests.contract.subjects import PATIENT
from tests.contract.test_oauth import CLIENT, Clock, client, server, spec, token_of
from tests.contract.test_transport import Serve, serve

__all__ = ["serve", "server"]


async def test_a_token_endpoint_that_fails_is_asked_after_growing_pauses_however_many_calls_need_a_token(
    server: OAuthServer,
) -> None:
    server.status, clock = 503, Clock()
    tokens = client(server, clock)
    for asked, now in ((1, 0.0), (1, 0.9), (2, 1.0), (2, 2.9), (3, 3.0), (4, 100.0), (4, 107.0)):
        clock.now = now
        failed = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in failed} == {Unavailable}
        assert len(server.asked) == asked
    server.status, clock.now = 200, 200.0
    assert await token_of(tokens) == "canary-token-1"
    await tokens.close()


async def test_calls_that_wait_for_a_token_do_not_ask_one_after_the_other_an_endpoint_that_is_silent(
    serve: Serve,
) -> None:
    asked, silence = list[str](), asyncio.Event()

    async def say_nothing(request: web.Request) -> web.Response:
        asked.append(request.path)
        await silence.wait()
        return web.json_response({})

    url = await serve(say_nothing)
    auth = spec(OAuthServer(str, url=url), "http://127.0.0.1:1").auth
    assert auth
    assert auth.oauth2
    tokens = ClientCredentials(auth.oauth2, CLIENT, Transport(url, NOBODY, PATIENT))

    async def impatient() -> None:
        async with asyncio.timeout(0.05):
            await tokens.token()

    first = asyncio.create_task(impatient())
    await asyncio.sleep(0)
    await asyncio.gather(first, *(tokens.token() for _ in range(10)), return_exceptions=True)
    assert len(asked) == 1
    silence.set()
    await tokens.close()
