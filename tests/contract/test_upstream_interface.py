"""All upstreams can be driven alike, so that one suite judges all adapters."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.upstream_client import caller
from tests.upstreams.holysheep import HolySheep
from tests.upstreams.openai import OpenAI
from tests.upstreams.openrouter import OpenRouter
from tests.upstreams.plain import Plain
from tests.upstreams.proxy import FaultProxy
from tests.upstreams.upstream import Upstream
from tests.upstreams.webhook_upstream import Webhook

LISTS = {
    HolySheep: "/keys",
    OpenRouter: "/keys",
    OpenAI: "/organization/projects",
    Webhook: "/keypool/v1/keys",
    Plain: "/models",
}

WITH_KEY_API = [kind for kind in LISTS if kind is not Plain]


@pytest.fixture(params=LISTS, ids=lambda kind: kind.__name__)
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[Upstream]:
    async with request.param() as running:
        yield running


def listing(upstream: Upstream) -> str:
    """A path that the admin credential opens."""
    return next(path for kind, path in LISTS.items() if isinstance(upstream, kind))


async def test_somebody_elses_key_lives_until_somebody_ends_it(upstream: Upstream) -> None:
    handle = await upstream.make_foreign_key("somebody's")
    assert len(await upstream.live_fingerprints()) == 1
    await upstream.end_key_outside(handle)
    assert await upstream.live_fingerprints() == frozenset()
    with pytest.raises(KeyError):
        await upstream.end_key_outside(handle)


@pytest.mark.parametrize("upstream", WITH_KEY_API, indirect=True, ids=lambda kind: kind.__name__)
async def test_an_expired_admin_credential_is_refused_until_it_is_restored(upstream: Upstream) -> None:
    statuses = []
    async with caller(upstream.url, upstream.admin_credential) as call:
        for change in (upstream.expire_admin, upstream.restore_admin):
            await change()
            statuses.append((await call("GET", listing(upstream))).status)
    assert statuses == [401, 200]


async def test_a_proxy_stands_in_front_under_the_same_paths(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url) as proxy, caller(proxy.url, upstream.admin_credential) as call:
        got = await call("GET", listing(upstream))
        assert [(seen.method, seen.status) for seen in proxy.seen] == [("GET", got.status)]
        assert (upstream.url + listing(upstream)).endswith(proxy.seen[0].path)
