"""All at once: 10,000 pools of one tenant, and whatever else holds somebody up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keypool_lab.simulator import Simulator
from tests.abuse.accounts import account
from tests.abuse.attacker import Attacker
from tests.abuse.attacks.attack import Attack
from tests.abuse.attacks.objects import TENANT_POOLS, crowd, large_secrets, open_account
from tests.abuse.attacks.providers import DEAD, Silent, dead_accounts, pools_of, silent_accounts
from tests.cluster.team import pool_manifest

POOLS, REFUSED, SILENT = 10_000, 2000, 200
PEAK_MIB = 430
PATIENCE = 1200.0


@asynccontextmanager
async def everything(attacker: Attacker) -> AsyncIterator[None]:
    """The good pools are Ready before it counts."""
    async with Simulator() as simulator, Silent() as silent:
        await attacker.put(account("many", simulator.url, simulator.admin_key))
        provider = await open_account(attacker, simulator)
        good = POOLS - REFUSED - SILENT - DEAD
        quiet = {"health": {"probeEvery": "1h"}, "providerRef": {"name": "many"}}
        await attacker.put(pool_manifest(f"many-{number}", **quiet) for number in range(good))
        await _ready(attacker, good)
        await attacker.put(crowd(provider, REFUSED + TENANT_POOLS))
        await attacker.put(large_secrets())
        await attacker.put([*dead_accounts(), *silent_accounts(silent, SILENT)])
        await attacker.put([*pools_of("dead", DEAD), *pools_of("silent", SILENT)])
        yield


async def _ready(attacker: Attacker, count: int) -> None:
    end = asyncio.get_running_loop().time() + PATIENCE
    while not attacker.decoy and asyncio.get_running_loop().time() < end:
        found = (await attacker.statuses()).values()
        if sum(bool(status.get("keys")) for status in found) >= count:
            return
        await asyncio.sleep(5)


EVERYTHING = Attack("all at once, with 10,000 pools", everything, names=True)
