"""LiteLLM's adapter, with answers that a real proxy gives too seldom for a test: a small server says them."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import LiteLLM
from keypool.core.limits import Identity
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.litellm import LiteLLMProvider
from keypool.providers.protocol import NewKey, Probe
from keypool.providers.transport import Deadlines, Transport
from tests.contract.test_transport import Serve, serve

__all__ = ["serve"]

VALUE = SecretStr("sk-0123456789abcdef0123456789")
TOKEN = hashlib.sha256(VALUE.get_secret_value().encode()).hexdigest()
KEY = NewKey("kp.a.b.c.0", timedelta(days=1), value=VALUE)
Say = Callable[[], web.Response]


@dataclass
class Script:
    """What is answered, by path."""

    answers: dict[str, Say]
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """The answer."""
        self.asked.append(request.path)
        return self.answers[request.path]()


def saying(status: int, body: object, **headers: str) -> Say:
    """The same each time."""
    return lambda: web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def adapter(serve: Serve, script: Script, deadlines: Deadlines) -> AsyncIterator[LiteLLMProvider]:
    """The adapter before that script."""
    provider = LiteLLMProvider(LiteLLM(), Transport(await serve(script.answer), SecretStr("sk-admin"), deadlines))
    try:
        yield provider
    finally:
        await provider.close()


DEADLINES = Deadlines(create=2.0, other=2.0)


@pytest.mark.parametrize("status", [401, 403, 425, 429])
async def test_a_key_that_was_created_may_exist_although_it_cannot_be_looked_up(serve: Serve, status: int) -> None:
    made, away = saying(200, {"token": TOKEN}), saying(status, {"error": {"message": "not now"}})
    async with adapter(serve, Script({"/key/generate": made, "/key/list": away}), DEADLINES) as provider:
        with pytest.raises(Ambiguous):
            await provider.create(KEY)


@pytest.mark.parametrize(
    "message",
    [
        "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
        "Authentication Error - Expired Key. Key Expiry time 2026-11-25 00:17:36 and current time 2026-11-25 00:17:37",
        "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...6Z5w, Key Hash",
    ],
    ids=["blocked", "expired", "unknown"],
)
async def test_a_401_that_speaks_of_the_key_is_a_dead_key(serve: Serve, message: str) -> None:
    refused = saying(401, {"error": {"message": message, "type": "auth_error", "code": "401"}})
    async with adapter(serve, Script({"/v1/models": refused}), DEADLINES) as provider:
        assert await provider.probe(VALUE) is Probe.REJECTED


async def test_a_401_for_what_went_wrong_inside_the_proxy_is_no_dead_key(serve: Serve) -> None:
    """Whatever its authentication raises is answered so (litellm/proxy/auth/auth_exception_handler.py)."""
    inside = "Authentication Error, 'NoneType' object has no attribute 'get_data'"
    refused = saying(401, {"error": {"message": inside, "type": "auth_error", "code": "401"}})
    async with adapter(serve, Script({"/v1/models": refused}), DEADLINES) as provider:
        with pytest.raises(Ambiguous, match="check a key"):
            await provider.probe(VALUE)


@pytest.mark.parametrize("tenant", [True, False])
async def test_a_team_of_people_is_never_taken_for_one_of_keypools_which_go_with_their_last_key(
    serve: Serve, *, tenant: bool
) -> None:
    script = Script({})
    theirs = "kp.our-team"
    options = LiteLLM() if tenant else LiteLLM(team=theirs)
    provider = LiteLLMProvider(options, Transport(await serve(script.answer), SecretStr("sk-admin"), DEADLINES))
    with pytest.raises(Rejected, match=r"kp\.our-team: ids that begin with kp\. are keypool's own"):
        await provider.create(replace(KEY, identity=Identity(team=theirs if tenant else "")))
    assert not script.asked
    await provider.close()
