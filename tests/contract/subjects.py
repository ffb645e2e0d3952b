"""The adapters that the one contract suite judges, each with an upstream of its own.

To add one, write how it is built and what its calls look like, and name it in `SUBJECTS`.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex, token_urlsafe
from types import ModuleType
from typing import Any

from pydantic import SecretStr

from keypool.api.provider_options import AnyLLM, HolySheep, LiteLLM, OpenAI, OpenRouter, Webhook
from keypool.providers.anyllm import AnyLLMProvider
from keypool.providers.holysheep import HolySheepProvider
from keypool.providers.litellm import LiteLLMProvider
from keypool.providers.openai import OpenAIProvider
from keypool.providers.openrouter import OpenRouterProvider
from keypool.providers.plugin import Guarded
from keypool.providers.protocol import NewKey, Provider
from keypool.providers.transport import Deadlines, Transport
from keypool.providers.webhook import WebhookProvider
from tests.upstreams import holysheep, openai, openrouter
from tests.upstreams.gateways import AnyLLMUpstream, LiteLLMUpstream
from tests.upstreams.proxy import FaultProxy
from tests.upstreams.upstream import Upstream
from tests.upstreams.webhook_upstream import Webhook as WebhookServer

PATIENT = Deadlines()
"""The operator's own: a machine with much to do fails no test by them."""
IMPATIENT = Deadlines(create=2.0, other=1.0)
"""For tests that see one end."""

KEY = NewKey("kp.team.pool.i.n1", timedelta(days=3), owner="kp.team.pool.i.n0")

_numbers = itertools.count(1)


def key_for(provider: Provider) -> NewKey:
    """What to create: of a name that no other has, and with a value of its own where the provider takes one."""
    value = SecretStr(f"sk-{token_urlsafe(32)}") if provider.capabilities.chooses_value else None
    return replace(KEY, name=f"kp.team.pool.i.{next(_numbers)}-{token_hex(3)}", value=value)


@dataclass(frozen=True)
class Calls:
    """What finds the path of each call, for the fault proxy; `probe` and `revoke` with their methods; `page`: entries
    that one answer lists at most."""

    create: str
    listing: str
    probe: str
    revoke: str = "DELETE ."
    page: int = 0


@dataclass
class Subject:
    """One adapter, what it talks to, and the proxy between them."""

    provider: Provider
    upstream: Upstream
    proxy: FaultProxy
    calls: Calls


Get = Callable[[str], Any]
"""A fixture of the test by its name: real gateways are started by the first test that needs them."""


@asynccontextmanager
async def _between(
    get: Get, upstream: Upstream, calls: Calls, build: Callable[[Transport], Provider]
) -> AsyncIterator[Subject]:
    async with FaultProxy(upstream.url) as proxy:
        provider = build(Transport(proxy.url, SecretStr(upstream.admin_credential), get("deadlines")))
        yield Subject(provider, upstream, proxy, calls)
        await provider.close()


@asynccontextmanager
async def _holysheep(get: Get) -> AsyncIterator[Subject]:
    calls = Calls(create="/keys$", listing="/keys$", probe="GET /keys/validate$")
    async with (
        holysheep.HolySheep() as upstream,
        _between(get, upstream, calls, lambda transport: HolySheepProvider(HolySheep(), transport)) as subject,
    ):
        yield subject


@asynccontextmanager
async def _openrouter(get: Get) -> AsyncIterator[Subject]:
    calls = Calls(create="/keys$", listing="/keys$", probe="GET /key$", page=openrouter.PAGE)
    async with (
        openrouter.OpenRouter() as upstream,
        _between(get, upstream, calls, lambda transport: OpenRouterProvider(OpenRouter(), transport)) as subject,
    ):
        yield subject


@asynccontextmanager
async def _openai(get: Get) -> AsyncIterator[Subject]:
    calls = Calls(create="/api_keys$", listing="/api_keys$", probe="GET /models$", page=100)
    async with openai.OpenAI() as upstream:
        options = OpenAI(project=upstream.project)
        async with _between(get, upstream, calls, lambda transport: OpenAIProvider(options, transport)) as subject:
            yield subject


@asynccontextmanager
async def _anyllm(get: Get) -> AsyncIterator[Subject]:
    calls = Calls(create="/v1/keys$", listing="/v1/keys$", probe="GET /v1/models$", page=10)
    async with AnyLLMUpstream(get("anyllm_gateway"), get("postgresql")) as upstream:
        build = partial(AnyLLMProvider, AnyLLM(), page=calls.page)
        async with _between(get, upstream, calls, build) as subject:
            upstream.proxy = subject.proxy
            yield subject


@asynccontextmanager
async def _litellm(get: Get) -> AsyncIterator[Subject]:
    calls = Calls(
        create="/key/generate$", listing="/key/list$", probe="GET /v1/models$", revoke="POST /key/delete$", page=10
    )
    async with LiteLLMUpstream(get("litellm_gateway"), get("postgresql")) as upstream:
        build = partial(LiteLLMProvider, LiteLLM(), page=calls.page)
        async with _between(get, upstream, calls, build) as subject:
            upstream.proxy = subject.proxy
            yield subject


_WEBHOOK = Calls(create="/keys$", listing="/keys$", probe="POST /keys/probe$", page=100)
_ABLE = ("setsExpiry", "changesLimits", "disablesKeys", "setsSpendLimit", "setsRateLimit", "setsModels", "tellsUsage")


@asynccontextmanager
async def _webhook(get: Get) -> AsyncIterator[Subject]:
    async with WebhookServer() as upstream:
        build = partial(WebhookProvider, Webhook(capabilities=_ABLE))
        async with _between(get, upstream, _WEBHOOK, build) as subject:
            yield subject


@asynccontextmanager
async def _written_in_an_hour(get: Get) -> AsyncIterator[Subject]:
    """The adapter of docs/providers/writing-one.md, as a plug-in."""
    module = ModuleType("written_in_an_hour")
    exec(page_adapter(), module.__dict__)  # noqa: S102
    async with WebhookServer() as upstream:

        def build(transport: Transport) -> Provider:
            return Guarded("acme", module.build({}, transport), transport)

        async with _between(get, upstream, _WEBHOOK, build) as subject:
            yield subject


def page_adapter() -> str:
    """The source that stands on the page."""
    page = Path(__file__).parents[2] / "docs" / "providers" / "writing-one.md"
    return page.read_text().partition("```python\n")[2].partition("```")[0]


SUBJECTS: dict[str, Callable[[Get], AbstractAsyncContextManager[Subject]]] = {
    "holysheep": _holysheep,
    "openrouter": _openrouter,
    "openai": _openai,
    "anyllm": _anyllm,
    "litellm": _litellm,
    "webhook": _webhook,
    "written-in-an-hour": _written_in_an_hour,
}
"""By name. A static provider makes no keys: test_static.py has what it does."""
