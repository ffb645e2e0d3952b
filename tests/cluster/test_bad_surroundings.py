"""The cluster around a pool fails: its namespace goes, rights are missing, another may not write."""

import asyncio
import io
import json

import pytest

from keypool.cluster.client import KubeClient
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.rights import Rights
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually


async def test_a_namespace_deleted_while_keys_are_being_created_goes_and_leaves_no_key(
    operator: Operator, provider: str, team: Team, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind="drip", match="create", seconds=0.01))
    await team.apply(*(pool_manifest(name, size=3) for name in ("one", "two", "three")))
    await eventually(lambda: _some_keys(simulator), 10, "creates are under way")
    await team.kubectl("delete", "namespace", team.namespace, "--timeout=150s")
    await eventually(lambda: _none_live(simulator), 10, "no key lives")


async def test_a_namespace_of_ready_pools_goes_with_all_their_keys(
    operator: Operator, provider: str, team: Team, simulator: Simulator, system: str
) -> None:
    await team.apply(pool_manifest("one", size=3), pool_manifest("two"))
    await team.ready("one")
    await team.ready("two")
    await team.kubectl("delete", "namespace", team.namespace, "--timeout=150s")
    await eventually(lambda: _none_live(simulator), 10, "no key lives")
    await eventually(lambda: _forgotten(team, system), 10, "ledgers and kept credentials are gone")


async def _some_keys(simulator: Simulator) -> bool:
    return bool(simulator.record.keys())


async def _none_live(simulator: Simulator) -> bool:
    return not simulator.record.live_keys()


async def _forgotten(team: Team, system: str) -> bool:
    ledgers = Ledgers(team, system)
    return not await ledgers.all() and not await ledgers.kept_credentials()


@pytest.fixture
async def its_rights(admin: KubeClient, system: str) -> Rights:
    """What the operator may do in the whole cluster."""
    return Rights(admin, system)


def requests(operator: Operator) -> float:
    """Requests so far of the operator to the API server; the Lease has a client of its own."""
    families = operator.replica.metrics.registry.collect()
    samples = [s for family in families for s in family.samples if s.name == "keypool_kube_requests_total"]
    return sum(s.value for s in samples)


LOST = {
    "no finalizer": ("apikeypools", "patch", "update"),
    "no Secret is created": ("secrets", "create"),
    "no status": ("apikeypools/status", "patch", "update"),
    "no Secret is read": ("secrets", "get"),
}


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("missing", LOST.values(), ids=LOST)
async def test_a_missing_right_makes_no_storm_and_nothing_is_lost_until_it_is_there(
    operator: Operator, its_rights: Rights, team: Team, simulator: Simulator, missing: tuple[str, ...]
) -> None:
    await team.apply(pool_manifest("before"))
    await team.ready("before")
    value = await team.value("before")
    await its_rights.take(*missing)
    await team.apply(pool_manifest())
    await asyncio.sleep(2)
    since = requests(operator)
    await asyncio.sleep(4)
    assert requests(operator) - since <= 60
    assert len(simulator.record.keys()) <= 2
    assert await team.value("before") == value
    await its_rights.give_back()
    await team.ready(deadline=30)
    assert {key.value for key in simulator.record.live_keys()} == {value, await team.value()}


@pytest.mark.usefixtures("operator", "provider")
async def test_a_missing_right_is_told_in_a_condition_and_in_the_log(
    its_rights: Rights, team: Team, logs: io.StringIO
) -> None:
    await its_rights.take("secrets", "create")
    await team.apply(pool_manifest())
    stalled = await team.has("chat", "Stalled", "True", "ClusterUnavailable")
    assert "secrets: 403 Forbidden" in stalled["message"]
    assert "403 Forbidden" in logs.getvalue()


@pytest.mark.usefixtures("provider", "operator")
async def test_a_rotation_whose_secret_cannot_be_written_revokes_nothing(
    its_rights: Rights, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}))
    await team.ready()
    value = await team.value()
    await its_rights.take("secrets", "update", "patch")
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Published", "False", "ClusterUnavailable")
    await asyncio.sleep(4)
    await team.annotate("chat", rotate="again")
    await asyncio.sleep(2)
    assert await team.value() == value
    assert value in {key.value for key in simulator.record.live_keys()}
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    assert len(simulator.record.keys()) <= 2
    await its_rights.give_back()
    await team.changes(value, deadline=30)
    await eventually(lambda: _only(simulator, team), 20, "the old key is revoked")


async def _only(simulator: Simulator, team: Team) -> bool:
    return [key.value for key in simulator.record.live_keys()] == [await team.value()]


async def test_a_secret_that_somebodys_finalizer_holds_stops_no_deletion(
    operator: Operator, provider: str, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    hold = json.dumps({"metadata": {"finalizers": ["example.com/hold"]}})
    await team.kubectl("patch", "secret", "chat", "--type=merge", "-p", hold)
    await team.kubectl("delete", "secret", "chat", "--wait=false")
    await team.has("chat", "Published", "False", "SecretUnusable")
    since = requests(operator)
    await asyncio.sleep(3)
    assert requests(operator) - since <= 10
    await team.delete()
    await team.gone()
    await eventually(lambda: _none_live(simulator), 5, "its key is revoked")
    await team.kubectl("patch", "secret", "chat", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')


async def test_a_pool_that_is_not_served_any_more_keeps_its_keys_and_costs_next_to_nothing(
    operator: Operator, provider: str, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    pool = await team.ready()
    await operator.stop()
    serving = operator.settings
    operator.settings = serving.model_copy(update={"namespaces": "default"})
    await operator.start()
    await asyncio.sleep(1)
    since = requests(operator)
    await asyncio.sleep(4)
    assert requests(operator) - since <= 2
    await operator.stop()
    operator.settings = serving
    await operator.start()
    await team.poke()
    await asyncio.sleep(1)
    assert (await team.pool())["status"] == pool["status"]
    assert [key.value for key in simulator.record.live_keys()] == [await team.value()]
