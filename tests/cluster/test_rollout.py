"""What waits for a rollout (Flux, kpt) is not told of a failure while things that belong together arrive one by one."""

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    PROVIDER,
    Object,
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.kstatus import kstatus
from tests.waiting import eventually


async def provider_is(team: Team, status: str) -> None:
    """Waits for what kstatus makes of the provider."""

    async def is_so() -> bool:
        return kstatus(await team.client.get(paths.provider(team.namespace, PROVIDER))) == status

    await eventually(is_so, 15, f"the provider is {status}")


@pytest.mark.usefixtures("operator")
async def test_what_is_applied_in_the_wrong_order_is_never_failed(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest())
    async with team.history(paths.pools(team.namespace), "chat") as seen:
        await team.has("chat", "Ready", "False", "ProviderNotFound")
        await team.apply(provider_manifest(simulator.url))
        await team.has("chat", "Ready", "False", "ProviderNotReady")
        await provider_is(team, "InProgress")
        await team.apply(admin_secret(simulator))
        pool = await team.ready()
    assert kstatus(pool) == "Current"
    assert "Failed" not in {kstatus(version) for version in seen}
    await provider_is(team, "Current")


@pytest.mark.usefixtures("operator")
async def test_what_never_comes_is_failed_in_the_end_for_provider_and_pool(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(provider_manifest(simulator.url), pool_manifest())
    await provider_is(team, "InProgress")
    await team.outlasts_its_grace(clock)
    await provider_is(team, "Failed")
    await team.until("chat", lambda pool: kstatus(pool) == "Failed", what="the pool is Failed")


@pytest.mark.usefixtures("provider", "operator")
async def test_a_pool_that_was_ready_and_loses_its_provider_is_failed_at_once(team: Team) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.client.delete(paths.provider(team.namespace, PROVIDER))
    await team.has("chat", "Stalled", "True", "ProviderNotFound")


@pytest.mark.usefixtures("provider")
async def test_a_pool_that_is_made_suspended_holds_up_no_rollout(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(suspend=True))

    def is_told(pool: Object) -> bool:
        return (pool.get("status") or {}).get("nextAction") == "suspended"

    assert kstatus(await team.until("chat", is_told)) == "Current"
    assert simulator.record.mutations() == {}
    await team.patch("chat", suspend=False)
    assert kstatus(await team.ready()) == "Current"
    await team.patch("chat", suspend=True)
    assert kstatus(await team.until("chat", is_told)) == "Current"
    await team.delete()
    await team.gone()
