"""A token server in trouble stops no call while the token in hand is good, and no longer than the trouble lasts."""

import asyncio
from itertools import count

import pytest
from pydantic import SecretStr

from keypool.providers.errors import Unavailable
from keypool.providers.oauth import LEEWAY, LONGEST_PAUSE
from keypool.providers.registry import build
from keypool_lab.simulator import Simulator
from tests.contract.oauth_server import OAuthServer, serving
from tests.contract.subjects import PATIENT
from tests.contract.test_oauth import CLIENT, Clock, client, provider_error, server, spec, token_of
from tests.reaching import THIS_MACHINE
from tests.waiting import eventually, within

__all__ = ["server"]
LIFE, DUE = 3600.0, 3600.0 - LEEWAY
TROUBLES: dict[str, dict[str, object]] = {
    "503": {"status": 503},
    "429": {"status": 429},
    "the client is refused": {"client_secret": "another"},
    "no token": {"body": {}},
    "silent": {"silent": True},
}


def trouble(server: OAuthServer, **changes: object) -> None:
    """From now on it answers so."""
    for name, value in changes.items():
        setattr(server, name, value)


@pytest.mark.parametrize("kind", TROUBLES)
async def test_a_good_token_is_used_until_it_ends_whatever_the_token_server_does(
    server: OAuthServer, kind: str
) -> None:
    clock = Clock()
    tokens = client(server, clock)
    assert await token_of(tokens) == "canary-token-1"
    trouble(server, **TROUBLES[kind])
    for clock.now in (DUE, DUE + 1, DUE + 60, LIFE - 1):
        got = await within(asyncio.gather(*(token_of(tokens) for _ in range(20))), 5)
        assert set(got) == {"canary-token-1"}
    await tokens.close()


@pytest.mark.parametrize("seconds", [5.0, 60.0, 600.0])
async def test_a_token_server_that_was_down_is_asked_again_within_half_a_minute(
    server: OAuthServer, seconds: float
) -> None:
    clock = Clock()
    tokens = client(server, clock)
    await tokens.token()
    server.status = 503
    while clock.now < DUE + seconds:
        clock.now = max(clock.now + 0.5, DUE)
        assert await token_of(tokens) == "canary-token-1"
        await asyncio.sleep(0)
    server.status, clock.now = 200, DUE + seconds + LONGEST_PAUSE

    async def renewed() -> bool:
        clock.now = min(clock.now + 0.5, LIFE - 1)  # where a fetch was just under way, its pause has to end, too
        return await token_of(tokens) == "canary-token-2"

    await eventually(renewed, 10, "the next token")
    await tokens.close()


async def test_many_fetches_that_failed_keep_nobody_from_the_next_once_the_pause_is_over(simulator: Simulator) -> None:
    """No breaker stands before the token server: it would be closed for a minute after five."""
    clock = Clock()
    async with serving(OAuthServer(lambda: simulator.admin_key, status=503)) as server:
        one = spec(server, simulator.url)
        provider = build(one, CLIENT, allow_insecure=True, reach=THIS_MACHINE, deadlines=PATIENT, clock=clock)
        for number in range(1, 8):
            clock.now += LONGEST_PAUSE
            assert isinstance(await provider_error(provider), Unavailable)
            assert len(server.asked) == number
        server.status, clock.now = 200, clock.now + LONGEST_PAUSE
        assert await provider_error(provider) is None
        await provider.close()


async def test_without_a_good_token_the_failure_is_told_and_one_fetch_serves_all(server: OAuthServer) -> None:
    clock = Clock()
    tokens = client(server, clock)
    await tokens.token()
    server.status, clock.now = 503, LIFE
    failed = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
    assert {str(error) for error in failed} == {"fetch an OAuth token: the provider answered 503 (invalid_scope)"}
    assert len(server.asked) == 2
    server.status, clock.now = 200, LIFE + 1
    assert set(await asyncio.gather(*(token_of(tokens) for _ in range(20)))) == {"canary-token-2"}
    assert len(server.asked) == 3
    await tokens.close()


@pytest.mark.parametrize("kind", TROUBLES)
async def test_a_token_that_may_be_good_is_used_again_where_no_other_comes(server: OAuthServer, kind: str) -> None:
    """A call was refused with 403, perhaps for what it asked: that must not stop all others."""
    tokens = client(server, Clock())
    assert tokens.refused(await tokens.token(), certain=False)
    trouble(server, **TROUBLES[kind])
    assert await within(token_of(tokens), 10) == "canary-token-1"
    await tokens.close()


async def test_a_token_that_is_certainly_refused_is_not_used_again(server: OAuthServer) -> None:
    tokens = client(server, Clock())
    assert tokens.refused(await tokens.token(), certain=True)
    server.status = 503
    with pytest.raises(Unavailable):
        await tokens.token()
    await tokens.close()


async def test_what_a_failed_renewal_says_shows_no_token(server: OAuthServer, caplog: pytest.LogCaptureFixture) -> None:
    clock, numbers = Clock(), count(1)
    server.make = lambda: f"canary-{next(numbers)}"
    tokens = client(server, clock)
    known: SecretStr = await tokens.token()
    server.body, clock.now = {"access_token": "canary\n", "token_type": "Bearer"}, DUE
    assert await tokens.token() == known

    async def told() -> bool:
        return "the one in use ends in 900 s" in caplog.text

    await eventually(told, 5, "the log tells")
    assert "canary" not in caplog.text
    await tokens.close()
