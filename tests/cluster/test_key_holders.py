"""The relay in a pod says that the provider rejects a key: the operator asks, and goes by the answer alone."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Forbidden
from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.reporting import a_holder, a_pod, report
from tests.cluster.rights import Rights
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

SELDOM = {"probeEvery": "5m"}
"""The tests' pools are asked about every 5 s else, which would hide what a report does."""


def probes(simulator: Simulator) -> int:
    """Questions about keys that the provider was asked."""
    return len(simulator.record.calls("validate"))


@pytest.mark.row("ACTIVE", "REPORTED")
async def test_a_dead_key_is_replaced_soon_after_a_pod_reported_it_and_nothing_else_is(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """The ordinary probe would come in minutes, and the threshold is three."""
    await team.apply(pool_manifest(size=3, health=SELDOM))
    await team.ready()
    keys = {key["slot"]: key["name"] for key in await ledgers.keys("chat", "active")}
    before, dead = await team.pool_values(), await team.value()
    (upstream,) = [key for key in simulator.record.live_keys() if key.value == dead]
    await simulator.change_key(upstream.id, "disable")
    slot = before.index(dead or "")
    await report(team, a_holder(await a_pod(team, "web-1"), keys[slot]))

    async def replaced() -> bool:
        now = await team.pool_values()
        return len(now) == 3 and dead not in now

    await eventually(replaced, 30, "the key that is dead is replaced")
    assert set(before) - {dead} < set(await team.pool_values())
    assert simulator.record.mutations()["created"] == 4
    await team.told("KeyReported")
    assert 'keypool_key_reports_total{counted="yes"} 1.0' in operator.replica.metrics.text().decode()


async def test_a_pool_of_one_key_has_a_dead_one_replaced_by_what_the_provider_lists(
    *, operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers, clock: Clock
) -> None:
    """There is no other key to compare it with. It is old enough to be listed."""
    await team.apply(pool_manifest(size=1, health=SELDOM))
    await team.ready()
    clock.advance(timedelta(minutes=1))
    (name,), before = [key["name"] for key in await ledgers.keys("chat", "active")], await team.value()
    listed = len(simulator.record.calls("list"))
    await simulator.change_key(simulator.record.live_keys()[0].id, "disable")
    await report(team, a_holder(await a_pod(team, "web-1"), name))

    async def the_list_was_read() -> bool:
        return len(simulator.record.calls("list")) > listed

    await eventually(the_list_was_read, 20, "the provider's list is read")
    await team.changes(before, deadline=30)
    await team.told("KeyReported")
    assert simulator.record.mutations()["created"] == 2


async def test_a_provider_that_rejects_everything_for_a_moment_has_no_key_replaced(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """Two pods tell of both keys; an account of two is too small for the brake."""
    await team.apply(pool_manifest(size=2, health=SELDOM))
    await team.ready()
    names = [key["name"] for key in await ledgers.keys("chat", "active")]
    values, pods = await team.values(), [await a_pod(team, name) for name in ("web-1", "web-2")]
    simulator.switches.reject_all = True
    asked = probes(simulator)
    await report(team, *(a_holder(pod, *names) for pod in pods))

    async def both_were_asked() -> bool:
        return probes(simulator) >= asked + 2

    await eventually(both_were_asked, 20, "the provider is asked about both keys")
    simulator.switches.reject_all = False
    await team.has("chat", "Healthy", "True", deadline=30)
    assert await team.values() == values
    assert simulator.record.mutations() == {"created": 2}
    assert len(await ledgers.keys("chat", "active")) == 2


async def test_a_lie_costs_one_probe_and_what_is_forged_costs_nothing(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(size=2, health=SELDOM))
    await team.ready()
    first, second = [key["name"] for key in await ledgers.keys("chat", "active")]
    asked = probes(simulator)
    pods = {name: await a_pod(team, name) for name in ("web-1", "thief", "stranger")}
    finished = await a_pod(team, "finished", phase="Succeeded")
    forged = [
        a_holder(finished, first),
        a_holder(pods["thief"], first, kind="ReplicaSet", apiVersion="apps/v1"),
        a_holder(pods["stranger"], "nobody-knows-it"),
    ]
    await report(team, *forged)
    lie = a_holder(pods["web-1"], second)
    await report(team, lie)

    async def asked_once() -> bool:
        return probes(simulator) > asked

    await eventually(asked_once, 20, "the lie is looked into")
    lie["spec"]["pools"][0]["keys"][0]["rejected"] = "2026-11-29T14:00:00Z"
    await team.client.patch(f"{paths.holders(team.namespace)}/web-1", {"spec": lie["spec"]})
    await team.considered()
    assert probes(simulator) == asked + 1, "the next report of this pod on this key counts in a minute"
    assert simulator.record.mutations() == {"created": 2}


async def test_without_the_right_to_list_holders_all_goes_on_and_once_it_is_granted_they_count(
    *,
    make_operator: OperatorMaker,
    kubeconfig: Path,
    admin: KubeClient,
    system: str,
    team: Team,
    simulator: Simulator,
    ledgers: Ledgers,
    logs: io.StringIO,
) -> None:
    """As where an operator was upgraded, and its ClusterRole was not."""
    its_rights = Rights(admin, system)
    await its_rights.take("keyholders", "get", "list", "watch")
    await eventually(lambda: is_refused(kubeconfig, team.namespace), 20, "the right is gone")
    operator = make_operator("one")
    await operator.start()
    await team.apply(pool_manifest(size=2, health=SELDOM))
    await team.ready()
    values = await team.values()
    await team.annotate("chat", rotate="now")

    async def rotated() -> bool:
        return len(await team.values() - values) == 2

    await eventually(rotated, 30, "the keys are rotated")
    assert (operator.replica.not_ready(), operator.replica.health.notes()) == ([], [])
    assert logs.getvalue().count("no right to list and watch an optional kind") == 1
    before, names = await team.value(), [key["name"] for key in await ledgers.keys("chat", "active")]
    (upstream,) = [live for live in simulator.record.live_keys() if live.value == before]
    await simulator.change_key(upstream.id, "disable")
    await report(team, a_holder(await a_pod(team, "web-1"), *names))
    await its_rights.give_back()
    await team.changes(before, deadline=40)
    await team.told("KeyReported")


async def is_refused(kubeconfig: Path, namespace: str) -> bool:
    """Whether the API server shows the operator no holders."""
    client = await KubeClient.connect(str(kubeconfig))
    try:
        await client.get(paths.holders(namespace))
    except Forbidden:
        return True
    finally:
        await client.close()
    return False
