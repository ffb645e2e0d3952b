"""A token endpoint that fails is not called for each call that needs a token."""

import asyncio

import pytest

from keypool.providers.errors import Unavailable
from tests.contract.oauth_server import OAuthServer
from tests.contract.test_oauth import Clock, client, server, token_of
from tests.waiting import eventually, within

__all__ = ["server"]


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


async def test_calls_that_wait_for_a_token_share_one_fetch_also_when_the_first_of_them_gives_up(
    server: OAuthServer,
) -> None:
    server.silent, tokens = True, client(server, Clock())
    first = asyncio.create_task(tokens.token())
    others = [asyncio.create_task(token_of(tokens)) for _ in range(10)]

    async def asked() -> bool:
        return bool(server.asked)

    await eventually(asked, 5, "the server is asked")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    server.over.set()
    assert set(await asyncio.gather(*others)) == {"canary-token-1"}
    assert len(server.asked) == 1
    await tokens.close()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_client_that_is_closed_leaves_no_fetch_behind(server: OAuthServer, *, waits: bool) -> None:
    clock = Clock()
    tokens = client(server, clock)
    if not waits:
        await tokens.token()
        clock.now = 3000.0
    server.silent = True
    call = asyncio.create_task(tokens.token())

    async def asked() -> bool:
        return len(server.asked) == (1 if waits else 2)

    await eventually(asked, 5, "the server is asked")
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await within(tokens.close(), 5)
