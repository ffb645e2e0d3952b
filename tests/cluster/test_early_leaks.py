"""A new leader answers reported leaks before it knows all Secrets, of which strangers may have made any number."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.cache import Kind
from keypool.watch.middleware import Middleware
from keypool_lab.simulator import Simulator
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


@pytest.fixture
async def listed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """Until it is set, no list of Secrets comes to its end. It is set in the end."""
    event, real = asyncio.Event(), Middleware._list
    event.set()

    async def slow(self: Middleware, kind: Kind, *rest: Any) -> Any:
        if kind is Kind.SECRET:
            await event.wait()
        return await real(self, kind, *rest)

    monkeypatch.setattr(Middleware, "_list", slow)
    yield event
    event.set()


async def test_a_leak_is_contained_while_the_list_of_secrets_takes_for_ever_and_other_pools_wait_for_it(
    operator: Operator, team: Team, simulator: Simulator, listed: asyncio.Event
) -> None:
    await team.apply(pool_manifest("leaky", size=2), pool_manifest("other"))
    await team.ready("leaky")
    await team.ready("other")
    value, rest = await team.value("leaky"), await team.value("other")
    await operator.stop()
    listed.clear()
    await team.annotate("leaky", compromised="all@found")
    await team.client.delete(paths.secret(team.namespace, "other"))
    operator.launch()

    async def contained() -> bool:
        dead = value not in {key.value for key in simulator.record.live_keys()}
        return dead and await team.value("leaky") not in (None, value)

    await eventually(contained, 30, "the leak is contained")
    assert operator.replica.not_ready() == ["watch of secrets: not yet alive"]
    assert await team.value("other") is None, "what is not known is not mended"
    listed.set()

    async def back() -> bool:
        return await team.value("other") == rest

    await eventually(back, 30, "the other pool is looked at")


async def test_what_a_smaller_pool_published_before_goes_with_its_leak_although_no_secret_is_known(
    operator: Operator, team: Team, simulator: Simulator, listed: asyncio.Event
) -> None:
    """The Secret for balancers belongs to pools of more than one key; nobody else reads it while one is smaller."""
    await team.apply(pool_manifest("leaky", size=2))
    await team.ready("leaky")
    leaked = {key.value for key in simulator.record.live_keys()}
    await operator.stop()
    listed.clear()
    await team.patch("leaky", size=1)
    await team.annotate("leaky", compromised="all@found")
    operator.launch()

    async def contained() -> bool:
        return not leaked & {key.value for key in simulator.record.live_keys()}

    await eventually(contained, 30, "the leak is contained")
    assert await team.secret_data("leaky-pool") == {}
    assert await team.value("leaky") not in {None, *leaked}
