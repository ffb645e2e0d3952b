"""The adapters that the one contract suite judges, each with an upstream of its own.

To add one, write how it is built and what its calls look like, and name it in `SUBJECTS`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from keypool.api.provider_options import HolySheep, OpenAI, OpenRouter
from keypool.providers.holysheep import HolySheepProvider
from keypool.providers.openai import OpenAIProvider
from keypool.providers.openrouter import OpenRouterProvider
from keypool.providers.protocol import NewKey, Provider
from keypool.providers.transport import Deadlines, Transport
from tests.upstreams import holysheep, openai, openrouter
from tests.upstreams.proxy import FaultProxy
from tests.upstreams.upstream import Upstream

IMPATIENT = Deadlines(create=2.0, other=1.0)
"""Seconds: so that a suite of faults takes seconds, and a machine with much to do fails none."""

KEY = NewKey("kp.team.pool.i.n1", timedelta(days=3), owner="kp.team.pool.i.n0")


@dataclass(frozen=True)
class Calls:
    """What finds the path of each call, for the fault proxy; `page`: entries that one answer lists at most."""

    create: str
    listing: str
    probe: str
    page: int = 0


@dataclass
class Subject:
    """One adapter, what it talks to, and the proxy between them."""

    provider: Provider
    upstream: Upstream
    proxy: FaultProxy
    calls: Calls


@asynccontextmanager
async def _between(upstream: Upstream, calls: Calls, build: Callable[[Transport], Provider]) -> AsyncIterator[Subject]:
    async with FaultProxy(upstream.url) as proxy:
        provider = build(Transport(proxy.url, SecretStr(upstream.admin_credential), IMPATIENT))
        yield Subject(provider, upstream, proxy, calls)
        await provider.close()


@asynccontextmanager
async def _holysheep() -> AsyncIterator[Subject]:
    calls = Calls(create="/keys$", listing="/keys$", probe="/keys/validate$")
    async with (
        holysheep.HolySheep() as upstream,
        _between(upstream, calls, lambda transport: HolySheepProvider(HolySheep(), transport)) as subject,
    ):
        yield subject


@asynccontextmanager
async def _openrouter() -> AsyncIterator[Subject]:
    calls = Calls(create="/keys$", listing="/keys$", probe="/key$", page=openrouter.PAGE)
    async with (
        openrouter.OpenRouter() as upstream,
        _between(upstream, calls, lambda transport: OpenRouterProvider(OpenRouter(), transport)) as subject,
    ):
        yield subject


@asynccontextmanager
async def _openai() -> AsyncIterator[Subject]:
    calls = Calls(create="/api_keys$", listing="/api_keys$", probe="/models$", page=100)
    async with openai.OpenAI() as upstream:
        options = OpenAI(project=upstream.project)
        async with _between(upstream, calls, lambda transport: OpenAIProvider(options, transport)) as subject:
            yield subject


SUBJECTS: dict[str, Callable[[], AbstractAsyncContextManager[Subject]]] = {
    "holysheep": _holysheep,
    "openrouter": _openrouter,
    "openai": _openai,
}
"""By name; those of the gateways, the webhook and the static provider belong here too."""
