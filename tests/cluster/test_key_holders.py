"""The relay in a pod says that the provider rejects a key: the operator asks, and goes by the answer alone."""

from typing import Any

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Object, Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

MOMENT = "2026-11-29T13:00:00Z"
SELDOM = {"probeEvery": "5m"}
"""The tests' pools are asked about every 5 s else, which would hide what a report does."""


async def a_pod(team: Team, name: str, phase: str = "Running") -> Object:
    """A pod that is there; nothing runs in it."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [{"name": "app", "image": "app.example/app"}],
            "automountServiceAccountToken": False,
        },
    }
    await team.client.create(paths.pods(team.namespace), body)
    path = f"{paths.pod(team.namespace, name)}/status"
    return await team.client.patch(path, {"status": {"phase": phase}})


def a_holder(pod: Object, *keys: str, pool: str = "chat", **owner: Any) -> Object:
    """What the pod's relay writes: all of these keys are rejected."""
    name = pod["metadata"]["name"]
    whose = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"], **owner}
    told = [{"id": key, "since": MOMENT, "rejected": MOMENT} for key in keys]
    return {
        "apiVersion": "keypool.dev/v1alpha1",
        "kind": "KeyHolder",
        "metadata": {"name": name, "ownerReferences": [whose]},
        "spec": {"pools": [{"name": pool, "keys": told}]},
    }


async def report(team: Team, *holders: Object) -> None:
    """The relays write."""
    for holder in holders:
        await team.client.create(paths.holders(team.namespace), holder)


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
    assert probes(simulator) == asked + 1, "once for a pod and a key"
    assert simulator.record.mutations() == {"created": 2}
