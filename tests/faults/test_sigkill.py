"""The operator's process killed at any moment, again and again: in the end every key is where it should be."""

import asyncio
import random

import pytest

from keypool.cluster import paths
from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Options, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.rights import ACCOUNT
from tests.cluster.team import (
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
)
from tests.faults.processes import lease, replica
from tests.waiting import eventually

KILLS = 10
SIZES = {"one": 1, "two": 2, "three": 3}
SHORT = {"overlap": {"min": "1s"}}
CONVERGES = 90.0
"""Seconds: an intent whose answer was lost is looked up 30 s after the call, and then its slot gets another key."""


async def every_live_key_is_known(simulator: Simulator, ledgers: Ledgers) -> None:
    """No key lives upstream that no ledger names."""
    known = {key["name"] for ledger in await ledgers.all() for key in ledger["keys"]}
    assert {key.name for key in simulator.record.live_keys()} <= known


async def disturb(team: Team, number: int) -> None:
    """What people do meanwhile: rotate everything, and delete a pool and apply it again."""
    for name, size in SIZES.items():
        await team.apply(pool_manifest(name, size=size, rotation=SHORT))
        await team.annotate(name, rotate=str(number))
    if number % 3 == 2:
        await team.delete("two")


@pytest.mark.long
async def test_ten_kills_at_random_moments_lose_no_key_and_leave_none_behind(
    control_plane: Cluster, system: str, team: Team
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - told when the test fails
    moments = random.Random(seed)  # noqa: S311
    kubeconfig = await control_plane.kubeconfig_for(system, ACCOUNT)
    ledgers = Ledgers(team, system)
    async with Simulator(Options(names=True, latency=0.2)) as simulator:
        admin = admin_secret(simulator)
        await team.apply(admin, provider_manifest(simulator.url, holySheep={"listsNames": True}))
        for number in range(KILLS):
            await disturb(team, number)
            async with replica(kubeconfig, system, team.namespace, lease(2)) as one:
                await one.leads()
                await asyncio.sleep(moments.uniform(0.1, 2.5))
            await every_live_key_is_known(simulator, ledgers)
        # Nobody starts this one again: a busy machine must not cost it the Lease.
        async with replica(kubeconfig, system, team.namespace):
            await eventually(lambda: none_is_going(team), CONVERGES, f"seed {seed}: what was deleted is gone")
            await team.apply(*(pool_manifest(name, size=size, rotation=SHORT) for name, size in SIZES.items()))
            await eventually(lambda: all_served(team), CONVERGES, f"seed {seed}: every pool is Ready")
            await eventually(lambda: all_published(team, simulator), CONVERGES, f"seed {seed}: what lives is published")
            for name in SIZES:
                await team.delete(name)
            await eventually(lambda: all_over(simulator, ledgers), CONVERGES, f"seed {seed}: nothing is left")


async def none_is_going(team: Team) -> bool:
    return not any(
        ["deletionTimestamp" in pool["metadata"] async for pool in team.client.list(paths.pools(team.namespace))]
    )


async def all_served(team: Team) -> bool:
    pools = [await team.pool(name) for name in SIZES]
    return all(condition_in(pool, "Ready").get("status") == "True" for pool in pools)


async def all_published(team: Team, simulator: Simulator) -> bool:
    values = set().union(*[await team.values(name) for name in SIZES])
    return len(values) == sum(SIZES.values()) and values == {key.value for key in simulator.record.live_keys()}


async def all_over(simulator: Simulator, ledgers: Ledgers) -> bool:
    living = [key.name for key in simulator.record.live_keys()]
    left = [(key["name"], key["state"]) for ledger in await ledgers.all() for key in ledger["keys"]]
    assert (living, left) == ([], [])
    return not await ledgers.all()
