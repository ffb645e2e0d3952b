"""Requests by annotation, and debts: kinds 10 and 12."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keypool.cluster.errors import KubeError
from keypool_lab.simulator import Fault, Simulator
from tests.abuse.accounts import account
from tests.abuse.attacker import Attacker
from tests.abuse.attacks.answers import made
from tests.abuse.attacks.attack import Attack
from tests.cluster.team import pool_manifest

FLIPPED = 4
PAUSE = 0.05
DEBTORS, DEBTS = 5, 50
DEADLINE = 65.0
"""Seconds after which the keys of a deleted pool are owed."""


@asynccontextmanager
async def flipping(attacker: Attacker) -> AsyncIterator[None]:
    """Asks for a rotation, and reports a leak, again and again."""
    async with Simulator() as simulator:
        await attacker.put(account("flipped", simulator.url, simulator.admin_key))
        pools = [f"flipped-{number}" for number in range(FLIPPED)]
        await attacker.put([pool_manifest(name, providerRef={"name": "flipped"}) for name in pools])
        await made(attacker, FLIPPED)
        flips = [asyncio.create_task(_flip(attacker, name)) for name in pools]
        try:
            yield
        finally:
            for flip in flips:
                flip.cancel()
            await asyncio.gather(*flips, return_exceptions=True)


async def _flip(attacker: Attacker, name: str) -> None:
    for number in itertools.count():
        with contextlib.suppress(KubeError):
            await attacker.annotate(name, rotate=f"r{number}", compromised=f"all@c{number}")
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def owing(attacker: Attacker) -> AsyncIterator[None]:
    """Pools that are made and deleted, twice, at a provider that deletes nothing: their keys are owed for ever."""
    async with Simulator() as simulator:
        simulator.faults.add(Fault(kind="status", match="delete", status=500))
        await attacker.put(account("owing", simulator.url, simulator.admin_key))
        names = [f"owing-{number}" for number in range(DEBTORS)]
        for turn in ("once", "twice"):
            await attacker.put(
                [pool_manifest(f"{name}-{turn}", providerRef={"name": "owing"}, size=DEBTS) for name in names]
            )
            await made(attacker, DEBTORS)
            for name in names:
                await attacker.delete(f"{name}-{turn}")
        if not attacker.decoy:
            await asyncio.sleep(DEADLINE)
        yield


REQUESTS = (
    Attack("10: rotate and compromised, flipped 20 times a second in 4 pools", flipping),
    Attack("12: 500 keys owed at a provider that deletes none", owing),
)
