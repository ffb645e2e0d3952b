"""A method of several calls has one deadline, and one that makes no key never that of a create: the Lease counts on it.

A server that answers only after a time shows it, or one that never answers.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import AnyLLM, LiteLLM, Webhook
from keypool.core.limits import Limits, SpendLimit
from keypool.providers.adapter import Adapter
from keypool.providers.anyllm import AnyLLMProvider
from keypool.providers.errors import Ambiguous, ProviderError
from keypool.providers.litellm import LiteLLMProvider
from keypool.providers.protocol import Revocation
from keypool.providers.transport import Deadlines, Transport
from keypool.providers.webhook import WebhookProvider
from tests.contract.test_transport import Serve, serve
from tests.waiting import PATIENCE

__all__ = ["serve"]

DEADLINES = Deadlines(create=30.0, other=0.8)
MARGIN = 0.4
"""Seconds that a busy machine may add."""


class Sluggish:
    """Answers the first request after half of the deadline, and no other."""

    def __init__(self, status: int, body: object = None) -> None:
        self.status, self.body, self.asked = status, body, list[str]()
        self.over = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        """One answer."""
        self.asked.append(request.path)
        if len(self.asked) > 1:
            await self.over.wait()
        else:
            await asyncio.sleep(DEADLINES.other / 2)
        return web.Response(status=204) if self.status == 204 else web.json_response(self.body, status=self.status)


@asynccontextmanager
async def in_time(server: Sluggish, provider: Adapter, calls: int) -> AsyncIterator[None]:
    """The block takes no longer than one deadline, and sends so many requests."""
    began = asyncio.get_running_loop().time()
    try:
        yield
        assert asyncio.get_running_loop().time() - began < DEADLINES.other + MARGIN
        assert len(server.asked) == calls
    finally:
        server.over.set()
        await provider.close()


def to(url: str) -> Transport:
    """A transport to the server."""
    return Transport(url, SecretStr("the-admin-key"), DEADLINES)


async def test_a_key_and_its_user_are_deleted_within_one_deadline(serve: Serve) -> None:
    server = Sluggish(204)
    provider = AnyLLMProvider(AnyLLM(), to(await serve(server.answer)))
    async with in_time(server, provider, calls=2):
        assert await provider.revoke("a-key") is Revocation.DELETED


async def test_usage_that_stands_in_two_places_is_read_within_one_deadline(serve: Serve) -> None:
    server = Sluggish(200, {"id": "a-key", "is_active": True})
    provider = AnyLLMProvider(AnyLLM(), to(await serve(server.answer)))
    async with in_time(server, provider, calls=2):
        with pytest.raises(ProviderError):
            await provider.usage("a-key")


async def test_a_limit_that_keys_share_is_changed_within_one_deadline(serve: Serve) -> None:
    server = Sluggish(200, {"data": {"max_budget": 5.0, "budget_duration": "1d"}})
    provider = LiteLLMProvider(LiteLLM(), to(await serve(server.answer)))
    async with in_time(server, provider, calls=2):
        with pytest.raises(Ambiguous):
            await provider.update(f"{'0' * 64}:kp.a.b", Limits(spend=SpendLimit(Decimal(5), "Daily", shared=True)))


async def test_a_probe_by_post_has_the_deadline_of_a_probe(serve: Serve) -> None:
    server = Sluggish(200, {"accepted": True})
    server.asked.append("an earlier call")
    provider = WebhookProvider(Webhook(), to(await serve(server.answer)))
    async with in_time(server, provider, calls=2):
        with pytest.raises(Ambiguous):
            async with asyncio.timeout(10 * PATIENCE):
                await provider.probe(SecretStr("a-value-of-a-key"))
