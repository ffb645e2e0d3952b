"""Uninstalled in the wrong order, or not wholly installed: the operator works with the kinds that are there."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import ControlPlane
from keypool_lab.simulator import Options, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.reporting import a_holder, a_pod, report
from tests.cluster.rights import ACCOUNT, install
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.conftest import CRDS
from tests.waiting import eventually

SYSTEM, NAMESPACE = "keypool-system", "team"


@pytest.fixture
def plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane whose kinds this test removes."""
    with ControlPlane.start(binaries, CRDS) as own:
        own.run_kubectl("create", "namespace", NAMESPACE).checked()
        yield own


@pytest.fixture
async def team(plane: ControlPlane) -> AsyncIterator[Team]:
    """The people who work there."""
    client = await KubeClient.connect(str(plane.admin_kubeconfig))
    await install(client, plane, SYSTEM)
    yield Team(plane, client, NAMESPACE)
    await client.close()


@pytest.fixture
async def operator(plane: ControlPlane, team: Team) -> AsyncIterator[Operator]:
    """One that runs."""
    one = Operator(await plane.kubeconfig_for(SYSTEM, ACCOUNT), SYSTEM, "", Clock())
    await one.start()
    yield one
    if one.running:
        await one.stop()


async def is_gone(team: Team, path: str) -> bool:
    """Whether nothing is there."""
    try:
        await team.client.get(path)
    except NotFound:
        return True
    return False


async def test_what_hangs_after_the_operator_was_removed_first_goes_when_it_is_started_again(
    operator: Operator, team: Team
) -> None:
    async with Simulator(Options()) as simulator:
        admin = admin_secret(simulator)
        await team.apply(admin, provider_manifest(simulator.url), pool_manifest())
        await team.ready()
        values = await team.values()
        await operator.stop()
        for kind in ("keyproviders", "clusterkeyproviders", "apikeypools"):
            await team.kubectl("delete", "crd", f"{kind}.keypool.dev", "--wait=false")
        await eventually(lambda: is_gone(team, paths.crd("keyproviders")), 30, "the kind of providers is gone")
        await team.until("chat", lambda pool: "deletionTimestamp" in pool["metadata"], 30, "the pool hangs")
        operator.launch()
        await eventually(lambda: is_gone(team, paths.crd("apikeypools")), 40, "the kind of pools is gone")
        assert {key.value for key in simulator.record.live_keys()} >= values, "as with Retain"

        async def told() -> bool:
            return "kind apikeypools: not installed, apply its CRD" in operator.replica.not_ready()

        await eventually(told, 20, "what is absent is told")
        await asyncio.to_thread(team.cluster.install_crds, CRDS)
        await team.apply(provider_manifest(simulator.url), pool_manifest("next"))
        await team.ready("next", deadline=40)
        assert (operator.replica.not_ready(), operator.replica.health.notes()) == ([], [])


async def test_pools_are_worked_on_although_a_kind_is_absent_which_is_told_and_picked_up(
    operator: Operator, team: Team
) -> None:
    await operator.stop()
    await team.kubectl("delete", "crd", "clusterkeyproviders.keypool.dev")
    await operator.start()
    async with Simulator(Options()) as simulator:
        admin = admin_secret(simulator)
        await team.apply(admin, provider_manifest(simulator.url), pool_manifest())
        await team.ready()
        assert operator.replica.health.notes() == ["kind clusterkeyproviders: not installed, apply its CRD"]
        await asyncio.to_thread(team.cluster.install_crds, CRDS)

        async def picked_up() -> bool:
            return not operator.replica.health.notes() and not operator.replica.not_ready()

        await eventually(picked_up, 30, "the kind is watched")
        await team.delete()
        await team.gone()


async def test_without_the_kind_of_holders_all_is_as_ever_and_once_it_is_installed_they_count(
    operator: Operator, team: Team
) -> None:
    """As where an operator was upgraded, and the definitions were not."""
    await operator.stop()
    await team.kubectl("delete", "crd", "keyholders.keypool.dev")
    await operator.start()
    async with Simulator(Options()) as simulator:
        await team.apply(
            admin_secret(simulator), provider_manifest(simulator.url), pool_manifest(health={"probeEvery": "5m"})
        )
        await team.ready()
        value = await team.value()
        await team.annotate("chat", rotate="now")
        value = await team.changes(value)
        assert (operator.replica.not_ready(), operator.replica.health.notes()) == ([], [])
        await asyncio.to_thread(team.cluster.install_crds, CRDS)
        (upstream,) = [key for key in simulator.record.live_keys() if key.value == value]
        await simulator.change_key(upstream.id, "disable")
        names = [key["name"] for key in await Ledgers(team, SYSTEM).keys("chat", "active")]
        await report(team, a_holder(await a_pod(team, "web-1"), *names))
        await team.changes(value, deadline=70)
        await team.told("KeyReported")
        assert (operator.replica.not_ready(), operator.replica.health.notes()) == ([], [])
        await team.delete()
        await team.gone()
