"""The scenario `scrape`: how long /metrics takes with ten thousand pools, and how long the loop stands still by it."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from keypool.core.lifecycle import KeyState
from keypool.core.limits import Usage
from keypool.serve.http import ProbeServer
from keypool.serve.metrics import Metrics
from keypool.serve.pools import PoolState
from keypool.serve.usage import PoolUsage
from keypool.serving import YOUNG_OBJECTS
from keypool_lab.bench.figures import Cost, Figures

if TYPE_CHECKING:
    from keypool_lab.bench.scenarios import Bench

T = TypeVar("T")
POOLS, NAMESPACES = 10_000, 100
ROUNDS = 5
BEAT = 0.001
"""Seconds between two beats of the loop; how much later one comes is how long the loop stood still."""


def full(pools: int = POOLS) -> Metrics:
    """What an operator shows of so many pools of one key, at rest, at a provider that tells usage."""
    metrics, now = Metrics(), datetime.now(UTC)
    at, used = now.timestamp(), Usage(requests=12_345, spend=Decimal("12.345678"), last_used_at=now)
    for number in range(pools):
        namespace, pool = f"team-{number % NAMESPACES}", f"pool-{number}"
        rest = PoolState(True, at, (KeyState.ACTIVE,), published=1, wanted=1, last_rotation=at, good_probe=at)
        metrics.pools.note(namespace, pool, rest._replace(expiry=at, renewal=at))
        metrics.usage.note(namespace, pool, PoolUsage(used, {f"{pool}-0-0123456789ab": used}, Decimal("0.5")))
    return metrics


async def measure(bench: "Bench") -> Figures:
    """In this process, side by side: a second without scrapes, then some of them; each at its best."""
    with bench.teller.phase(f"scrape: {POOLS} pools"):
        return await _measured()


async def _measured() -> Figures:
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)  # as the operator has it
    server = ProbeServer(full().text, tuple, port=0)
    await server.start()
    try:
        _, without = await _with_beats(asyncio.sleep(1.0))
        begun = time.process_time()
        taken = [await _with_beats(_scrape(server.port)) for _ in range(ROUNDS)]
        cpu = (time.process_time() - begun) / ROUNDS
    finally:
        await server.stop()
        gc.set_threshold(*before)
    (seconds, size), _ = min(taken)
    notes = {"bytes": float(size), "pause_s": min(pause for _, pause in taken), "pause_without_s": without}
    return Figures("scrape", POOLS, "pool", seconds, Cost(cpu, 0, Counter(), Counter(), {}), notes=notes)


async def _scrape(port: int) -> tuple[float, int]:
    await asyncio.sleep(1.1)  # else the last one is served again
    begun = time.monotonic()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        size = len(await response.read())
    return time.monotonic() - begun, size


async def _with_beats(work: Coroutine[None, None, T]) -> tuple[T, float]:
    """What the work gives, and the longest time that the loop stood still meanwhile."""
    late = 0.0
    task = asyncio.create_task(work)
    while not task.done():
        begun = time.monotonic()
        await asyncio.sleep(BEAT)
        late = max(late, time.monotonic() - begun - BEAT)
    return await task, late
