"""Where everything is as it should be, the operator writes nothing and makes nothing."""

import asyncio
import json
import time
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keypool.cluster import paths
from keypool.tasks import side_by_side
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Object, Team, condition_in, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

POOLS = 200
WINDOW = 60.0
"""Seconds."""


def writes(operator: Operator) -> dict[str, float]:
    """How often the operator has asked the API server to change something, as it counts itself."""
    families = text_string_to_metric_families(operator.replica.metrics.text().decode())
    samples = [sample for family in families if family.name == "keypool_kube_requests" for sample in family.samples]
    return {
        f"{sample.labels['verb']} {sample.labels['resource']}": sample.value
        for sample in samples
        if sample.name.endswith("_total") and sample.labels["verb"] not in {"get", "list"}
    }


@pytest.mark.parametrize("server_side", [False, True], ids=["client-side", "server-side"])
async def test_a_second_apply_changes_nothing(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers, *, server_side: bool
) -> None:
    manifest = pool_manifest(size=2, secret={"labels": {"team": "a"}}, rotation={"every": "48h"})
    await team.apply(manifest, server_side=server_side)
    await team.ready()
    await eventually(lambda: _still(ledgers), 15, "the last Events are posted")
    before, counted = await ledgers.versions(), writes(operator)
    await team.apply(manifest, server_side=server_side)
    probes = len(simulator.record.calls("validate"))

    async def probed() -> bool:
        return len(simulator.record.calls("validate")) >= probes + 2

    await eventually(probed, 15)
    assert writes(operator) == counted
    assert await ledgers.versions() == before
    assert simulator.record.mutations() == {"created": 2}


async def test_a_server_side_apply_over_a_client_side_one_changes_no_key_and_no_secret(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    manifest = pool_manifest(size=2)
    await team.apply(manifest)
    await team.ready()
    before = [await team.secret(name) for name in ("chat", "chat-pool", "chat-relay")]
    await team.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest))
    await team.considered()
    assert [await team.secret(name) for name in ("chat", "chat-pool", "chat-relay")] == before
    assert simulator.record.mutations() == {"created": 2}


@pytest.mark.long
async def test_two_hundred_ready_pools_cause_no_write_and_no_new_key_in_a_minute(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """Probing goes on: every key is looked at once in the minute, and nothing comes of it."""
    names = [f"pool-{number:03}" for number in range(POOLS)]
    health, path = {"probeEvery": "55s"}, paths.pools(team.namespace)
    await side_by_side((partial(team.client.create, path, pool_manifest(name, health=health)) for name in names), 8)
    await eventually(lambda: _all_ready(team), 90, "all pools are Ready")
    await eventually(lambda: _still(ledgers), 30, "the last Events are posted")
    before, counted, mutations = await ledgers.versions(), writes(operator), simulator.record.mutations()
    assert mutations == {"created": POOLS}
    started = time.time()
    await asyncio.sleep(WINDOW)
    probed = {call.key_id for call in simulator.record.calls("validate", since=started)}
    assert writes(operator) == counted
    assert await ledgers.versions() == before
    assert simulator.record.mutations() == mutations
    assert len(probed) == POOLS


async def _all_ready(team: Team) -> bool:
    pools: list[Object] = [pool async for pool in team.client.list(paths.pools(team.namespace))]
    return all(condition_in(pool, "Ready").get("status") == "True" for pool in pools)


async def _still(ledgers: Ledgers) -> bool:
    before = await ledgers.versions()
    await asyncio.sleep(1)
    return await ledgers.versions() == before
