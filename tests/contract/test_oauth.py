"""OAuth 2.0 client credentials: tokens are shared, replaced in time, and never repeated after a refusal."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.providers.errors import CredentialRejected, ProviderError, Rejected, TokenRefused, Unavailable
from keypool.providers.oauth import FORGOTTEN, LONGEST_PATIENCE, ClientCredentials, join_client, token_server
from keypool.providers.protocol import Provider
from keypool.providers.registry import NOBODY, build
from keypool.providers.transport import Call, Transport
from keypool_lab.simulator import Fault, Simulator
from tests.contract.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer, serving
from tests.contract.subjects import PATIENT
from tests.contract.test_transport import Serve, serve
from tests.reaching import THIS_MACHINE
from tests.waiting import eventually

__all__ = ["serve"]
CLIENT = join_client(SecretStr(CLIENT_ID), SecretStr(CLIENT_SECRET))


@pytest.fixture
async def server() -> AsyncIterator[OAuthServer]:
    """A token endpoint whose tokens are numbered."""
    numbers = itertools.count(1)
    async with serving(OAuthServer(lambda: f"canary-token-{next(numbers)}")) as running:
        yield running


def spec(server: OAuthServer, url: str, **oauth2: object) -> KeyProviderSpec:
    """A provider whose credential is an OAuth client."""
    auth = {"oauth2": {"tokenURL": server.url, "secretRef": {"name": "client"}, **oauth2}}
    return KeyProviderSpec.model_validate({"holySheep": {}, "endpoints": [{"url": url}], "auth": auth})


class Clock:
    """Monotonic seconds by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def client(server: OAuthServer, clock: Clock, url: str = "", **oauth2: object) -> ClientCredentials:
    """The client of that token endpoint."""
    auth = spec(server, "http://127.0.0.1:1", **oauth2).auth
    assert auth
    assert auth.oauth2
    return ClientCredentials(auth.oauth2, CLIENT, Transport(token_server(url or server.url), NOBODY, PATIENT), clock)


async def token_of(tokens: ClientCredentials) -> str:
    """The token in plain."""
    return (await tokens.token()).get_secret_value()


async def test_calls_at_the_same_time_share_one_token(server: OAuthServer) -> None:
    tokens = client(server, Clock())
    got = await asyncio.gather(*(token_of(tokens) for _ in range(20)))
    assert set(got) == {"canary-token-1"}
    assert len(server.asked) == 1
    await tokens.close()


async def test_scopes_and_audience_are_asked_for(server: OAuthServer) -> None:
    tokens = client(server, Clock(), scopes=["keys:write", "keys:read"], audience="https://api.example.com")
    await tokens.token()
    wanted = {"scope": "keys:write keys:read", "audience": "https://api.example.com"}
    assert server.asked == [{"grant_type": "client_credentials", **wanted}]
    await tokens.close()


@pytest.mark.parametrize(("life", "used"), [(86_400, 85_500), (3600, 2700), (60, 30), (None, 150)])
async def test_a_token_is_replaced_before_it_expires_and_no_call_waits_for_it(
    server: OAuthServer, life: float | None, used: float
) -> None:
    server.expires_in, clock = life, Clock()
    tokens = client(server, clock)
    await tokens.token()
    clock.now = used - 1
    assert await token_of(tokens) == "canary-token-1"
    clock.now = used
    assert await token_of(tokens) == "canary-token-1", "it is good, and renewed beside"

    async def renewed() -> bool:
        return await token_of(tokens) == "canary-token-2"

    await eventually(renewed, 5, "the next token")
    assert len(server.asked) == 2
    await tokens.close()


@pytest.mark.parametrize("certain", [True, False])
@pytest.mark.parametrize("age", [0.0, 1000.0])
async def test_a_refused_token_is_replaced_once_however_many_calls_were_refused(
    server: OAuthServer, age: float, *, certain: bool
) -> None:
    clock = Clock()
    tokens = client(server, clock)
    refused = await tokens.token()
    clock.now = age
    tokens.refused(refused, certain=certain)
    assert await token_of(tokens) == "canary-token-2"
    tokens.refused(refused, certain=certain)
    assert await token_of(tokens) == "canary-token-2"
    await tokens.close()


async def test_a_client_without_rights_is_judged_by_its_second_token_and_makes_no_storm_of_tokens(
    server: OAuthServer,
) -> None:
    clock, news, refusals = Clock(), 0, 0
    tokens = client(server, clock)
    while clock.now < 3600:
        news += tokens.refused(await tokens.token(), certain=False)
        refusals += 1
        clock.now += 1
    assert news == 1
    assert refusals == 3600
    assert len(server.asked) <= 10 + 3600 / LONGEST_PATIENCE
    await tokens.close()


async def test_a_token_that_is_refused_long_after_the_one_before_is_doubted_and_not_the_client(
    server: OAuthServer,
) -> None:
    clock = Clock()
    tokens = client(server, clock)
    assert tokens.refused(await tokens.token(), certain=False)
    assert not tokens.refused(await tokens.token(), certain=False)
    clock.now = FORGOTTEN + 1
    assert tokens.refused(await tokens.token(), certain=False)
    await tokens.close()


async def test_a_refused_client_is_a_rejected_credential_that_shows_nothing(server: OAuthServer) -> None:
    server.client_secret = "another"
    tokens = client(server, Clock())
    with pytest.raises(CredentialRejected, match=r"invalid_client.*check the OAuth client") as caught:
        await tokens.token()
    assert "canary" not in str(caught.value)
    await tokens.close()


class Echo(OAuthServer):
    """Repeats what it does not like."""

    async def token(self, request: web.Request) -> web.Response:
        """The whole header."""
        return web.json_response({"error": f"cannot read {request.headers['Authorization']}"}, status=401)


@pytest.mark.parametrize("secret", ["canary", "can ary+1", CLIENT_SECRET])
async def test_a_client_that_is_repeated_as_it_was_sent_is_hidden(secret: str) -> None:
    async with serving(Echo(lambda: "")) as server:
        auth = spec(server, "http://127.0.0.1:1").auth
        assert auth
        assert auth.oauth2
        credential = join_client(SecretStr("me"), SecretStr(secret))
        tokens = ClientCredentials(auth.oauth2, credential, Transport(server.url, NOBODY, PATIENT), Clock())
        with pytest.raises(CredentialRejected, match=r"cannot read Basic \[hidden\]") as caught:
            await tokens.token()
        await tokens.close()
    sent = base64.b64encode(credential.get_secret_value().encode()).decode()
    assert not any(sent[start : start + 8] in str(caught.value) for start in range(len(sent) - 7))


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": "canary-token", "token_type": "mac"},
        {"access_token": "canary\ntoken", "token_type": "Bearer"},
        {"access_token": "canary-token", "token_type": "Bearer", "expires_in": -1},
        {"token_type": "Bearer"},
        {},
    ],
)
async def test_an_answer_without_a_usable_token_makes_no_call(server: OAuthServer, body: dict[str, object]) -> None:
    server.body = body
    tokens = client(server, Clock())
    with pytest.raises(Unavailable, match="the answer holds no bearer token") as caught:
        await tokens.token()
    assert "canary" not in str(caught.value)
    await tokens.close()


async def test_a_dead_token_endpoint_makes_no_call_and_spoils_no_create(server: OAuthServer) -> None:
    tokens = client(server, Clock(), url="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="fetch an OAuth token"):
        await tokens.token()
    await tokens.close()


async def provider_error(provider: Provider) -> ProviderError | None:
    """What a listing raises."""
    try:
        await provider.list_keys()
    except ProviderError as error:
        return error
    return None


async def test_the_adapter_authenticates_with_tokens(simulator: Simulator) -> None:
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        provider = build(
            spec(server, simulator.url), CLIENT, allow_insecure=True, reach=THIS_MACHINE, deadlines=PATIENT
        )
        assert [await provider_error(provider) for _ in range(3)] == [None] * 3
        assert len(server.asked) == 1
        await provider.close()


async def test_a_token_that_the_provider_refuses_is_not_sent_twice(simulator: Simulator) -> None:
    made = iter(["stale-token-of-the-canary", simulator.admin_key])
    async with serving(OAuthServer(lambda: next(made))) as server:
        provider = build(
            spec(server, simulator.url), CLIENT, allow_insecure=True, reach=THIS_MACHINE, deadlines=PATIENT
        )
        assert isinstance(await provider_error(provider), CredentialRejected)
        assert await provider_error(provider) is None
        await provider.close()


async def test_a_token_endpoint_at_plain_http_is_refused(server: OAuthServer) -> None:
    with pytest.raises(ProviderError, match=r"auth\.oauth2\.tokenURL is plain http"):
        build(spec(server, "https://api.example.com/v1"), CLIENT, allow_insecure=False)


FORBIDDEN: dict[str, tuple[int, dict[str, str], str]] = {
    "401": (401, {}, ""),
    "403": (403, {}, ""),
    "403 that says so": (403, {"WWW-Authenticate": 'Bearer realm="x", error="insufficient_scope"'}, ""),
    "400 invalid_token": (400, {}, '{"error": "invalid_token", "error_description": "revoked"}'),
    "400 in the header": (400, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, ""),
    "422 with a code": (422, {}, '{"error": {"code": "token_expired", "message": "no"}}'),
    "login page": (302, {"Location": "/login"}, ""),
}


@pytest.mark.parametrize("refusal", FORBIDDEN.values(), ids=FORBIDDEN)
async def test_a_token_that_was_revoked_early_is_dropped_however_the_provider_says_so(
    server: OAuthServer, serve: Serve, refusal: tuple[int, dict[str, str], str]
) -> None:
    status, headers, body = refusal

    async def answer(request: web.Request) -> web.Response:
        if request.headers["Authorization"] == "Bearer canary-token-1":
            return web.Response(status=status, headers=headers, text=body, content_type="application/json")
        return web.json_response({})

    auth = spec(server, "http://127.0.0.1:1").auth
    assert auth
    assert auth.oauth2
    tokens = ClientCredentials(auth.oauth2, CLIENT, Transport(server.url, NOBODY, PATIENT))
    transport = Transport(await serve(answer), tokens, PATIENT)
    with pytest.raises(TokenRefused, match="the token is fetched anew"):
        await transport.call(Call("create a key", "POST", "/keys"))
    got = await asyncio.gather(*(transport.call(Call("create a key", "POST", "/keys")) for _ in range(20)))
    assert {answer.status for answer in got} == {200}
    assert len(server.asked) == 2
    await transport.close()


async def test_a_refusal_that_outlives_the_token_is_the_credentials(simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="status", match="list", status=403, when="before"))
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        provider = build(
            spec(server, simulator.url), CLIENT, allow_insecure=True, reach=THIS_MACHINE, deadlines=PATIENT
        )
        assert isinstance(await provider_error(provider), TokenRefused)
        judged = await provider_error(provider)
        assert type(judged) is Rejected
        assert judged.forbidden
        assert len(server.asked) == 2
        await provider.close()


async def test_what_a_request_is_refused_for_drops_no_token(simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="status", match="list", status=422, when="before"))
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        provider = build(
            spec(server, simulator.url), CLIENT, allow_insecure=True, reach=THIS_MACHINE, deadlines=PATIENT
        )
        assert [type(await provider_error(provider)) for _ in range(3)] == [Rejected] * 3
        assert len(server.asked) == 1
        await provider.close()
