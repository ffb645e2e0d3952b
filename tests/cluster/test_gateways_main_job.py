"""The whole main job on real gateways: a workload that reads the published Secret alone never lacks a working key."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from keypool.core.fingerprint import fingerprint
from keypool_lab.gateways import Gateway
from tests.cluster.running import Clock, Operator
from tests.cluster.team import PROVIDER, Team, pool_manifest, provider_manifest, secret_manifest, to
from tests.upstreams.gateways import AnyLLMUpstream, LiteLLMUpstream
from tests.waiting import eventually

OPTIONS: dict[str, dict[str, Any]] = {"anyllm": {"anyLLM": {}}, "litellm": {"liteLLM": {}}}
UPSTREAMS: dict[str, Callable[..., AnyLLMUpstream | LiteLLMUpstream]] = {
    "anyllm": AnyLLMUpstream,
    "litellm": LiteLLMUpstream,
}
WAIT = 60
"""Seconds for one step: a gateway answers more slowly than a simulator."""

Upstream = AnyLLMUpstream | LiteLLMUpstream


@pytest.fixture(params=OPTIONS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return str(request.param)


@pytest.fixture
def gateway(request: pytest.FixtureRequest, kind: str) -> Gateway:
    """The real gateway, shared by the tests of a worker."""
    found: Gateway = request.getfixturevalue(f"{kind}_gateway")
    return found


@pytest.fixture
async def upstream(request: pytest.FixtureRequest, kind: str, gateway: Gateway) -> AsyncIterator[Upstream]:
    """The truth about its keys; it has none at the beginning."""
    async with UPSTREAMS[kind](gateway, request.getfixturevalue("postgresql")) as truth:
        yield truth


@pytest.fixture
async def pool(team: Team, kind: str, gateway: Gateway, upstream: Upstream, operator: Operator) -> str:
    """A pool of two keys at the gateway, Ready."""
    assert operator.running
    assert not await upstream.handles()
    await team.apply(
        secret_manifest("gateway-admin", to(gateway.url), adminKey=gateway.master_key),
        provider_manifest(gateway.url, holySheep=None, auth={"secretRef": {"name": "gateway-admin"}}, **OPTIONS[kind]),
        pool_manifest(
            size=2,
            rotation={"overlap": {"min": "1m"}},
            secret={"keys": {"apiKey": "OPENAI_API_KEY", "baseURL": "OPENAI_BASE_URL"}},
        ),
    )
    await team.ready(deadline=WAIT)
    return PROVIDER


async def asks(team: Team, gateway: Gateway) -> int:
    """The status that a workload gets which knows nothing but the Secret."""
    secret = await team.secret_data()
    headers = {"Authorization": f"Bearer {secret['OPENAI_API_KEY']}"}
    question = {"model": gateway.model, "messages": [{"role": "user", "content": "ping"}]}
    url = f"{secret['OPENAI_BASE_URL']}/chat/completions"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
        session.post(url, json=question, headers=headers) as answer,
    ):
        return answer.status


async def published(team: Team) -> frozenset[str]:
    """Fingerprints of the keys in use, as the status tells."""
    return frozenset(key["fingerprint"] for key in await team.keys("chat", "active"))


async def primary(team: Team) -> str:
    """The value that the workload reads."""
    return (await team.secret_data())["OPENAI_API_KEY"]


async def another_primary(team: Team, before: str) -> str:
    """The value, as soon as it is another one."""

    async def other() -> str | None:
        now = await primary(team)
        return now if now != before else None

    return await eventually(other, WAIT, "the primary changes") or ""


async def only_the_published_live(team: Team, upstream: Upstream, clock: Clock) -> None:
    """As soon as the overlap is over, nothing lives at the gateway but what is published."""
    clock.advance(timedelta(minutes=3))

    async def settled() -> bool:
        await team.poke()
        return await upstream.live_fingerprints() == await published(team)

    await eventually(settled, WAIT, "old keys are revoked")


@pytest.mark.usefixtures("pool")
async def test_a_workload_has_a_key_from_creation_through_rotation_and_loss_to_deletion(
    team: Team, gateway: Gateway, upstream: Upstream, clock: Clock
) -> None:
    assert await asks(team, gateway) == 200
    assert await upstream.live_fingerprints() == await published(team)

    before = await primary(team)
    await team.annotate("chat", rotate="now")
    rotated = await another_primary(team, before)
    assert await asks(team, gateway) == 200
    await only_the_published_live(team, upstream, clock)

    await upstream.end_key_outside(await handle_of(upstream, rotated))
    await team.patch("chat", health={"probeEvery": "5s", "failureThreshold": 1})
    clock.advance(timedelta(minutes=10))
    await another_primary(team, rotated)
    assert await asks(team, gateway) == 200

    await team.delete()
    await team.gone(deadline=WAIT)

    async def nothing_left() -> bool:
        return not await upstream.live_fingerprints()

    await eventually(nothing_left, WAIT, "no key is left at the gateway")
    assert await team.secret() is None


async def handle_of(upstream: Upstream, value: str) -> str:
    """The handle of the key of this value."""
    wanted = fingerprint(SecretStr(value))
    [handle] = [handle for handle in await upstream.handles() if await upstream.fingerprint_of(handle) == wanted]
    return handle


@pytest.mark.usefixtures("pool")
async def test_many_pools_are_made_at_once_each_with_keys_of_its_own(
    team: Team, gateway: Gateway, upstream: Upstream
) -> None:
    names = [f"many-{number}" for number in range(8)]
    await team.apply(*(pool_manifest(name, size=2) for name in names))
    await asyncio.gather(*(team.ready(name, WAIT) for name in names))
    assert len(await upstream.live_fingerprints()) == 2 * len(names) + 2
