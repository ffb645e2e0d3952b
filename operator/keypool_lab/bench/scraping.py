"""The scenario `scrape`: how long /metrics takes with ten thousand pools, and how long the loop stands still by it."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
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
MOVED = POOLS // 5
"""Pools of which something changed since the scrape before: with probes each five minutes, and a scrape a minute."""
BEAT = 0.001
"""Seconds between two beats of the loop; how much later one comes is how long the loop stood still."""


def full(pools: int = POOLS) -> Metrics:
    """What an operator shows of so many pools of one key, at rest, at a provider that tells usage."""
    metrics = Metrics()
    tell(metrics, range(pools), 12_345)
    return metrics


def tell(metrics: Metrics, numbers: Iterable[int], requests: int) -> None:
    """What is known of these pools now."""
    now = datetime.now(UTC)
    at, used = now.timestamp(), Usage(requests=requests, spend=Decimal("12.345678"), last_used_at=now)
    for number in numbers:
        namespace, pool = f"team-{number % NAMESPACES}", f"pool-{number}"
        rest = PoolState(True, at, (KeyState.ACTIVE,), published=1, wanted=1, last_rotation=at, good_probe=at)
        metrics.pools.note(namespace, pool, rest._replace(expiry=at, renewal=at))
        metrics.usage.note(namespace, pool, PoolUsage(used, {f"{pool}-0-0123456789ab": used}, Decimal("0.5")))


async def measure(bench: "Bench") -> Figures:
    """In this process, side by side: a second without scrapes; the first, for which all text is made; some as
    Prometheus makes them, each at its best; then two at once, of which one takes the plain text."""
    with bench.teller.phase(f"scrape: {POOLS} pools"):
        return await _measured()


async def _measured() -> Figures:
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)  # as the operator has it
    metrics = full()
    server = ProbeServer(metrics.pieces, tuple, port=0)
    await server.start()
    try:
        _, without = await _with_beats(asyncio.sleep(1.0))
        first = await _one(metrics, 0, _scrape(server.port))
        taken = [await _one(metrics, number, _scrape(server.port)) for number in range(1, ROUNDS + 1)]
        two = await _one(metrics, ROUNDS + 1, _two(server.port))
    finally:
        await server.stop()
        gc.set_threshold(*before)
    best = min(taken, key=lambda one: one.seconds)
    pauses = {"pause_s": min(one.pause for one in taken), "pause_without_s": without, "pause_of_two_s": two.pause}
    sizes = {"bytes": float(two.size), "sent_bytes": float(best.size)}
    notes = {**sizes, **pauses, "first_s": first.seconds, "first_cpu_s": first.cpu, "two_cpu_s": two.cpu}
    cpu = min(one.cpu for one in taken)
    return Figures("scrape", POOLS, "pool", best.seconds, Cost(cpu, 0, Counter(), Counter(), {}), notes=notes)


@dataclass(frozen=True, slots=True)
class _Taken:
    """`size`: bytes as they came; `cpu`: seconds, of whoever serves and whoever asks; `pause`: the loop's longest."""

    seconds: float
    size: int
    cpu: float
    pause: float


async def _one(metrics: Metrics, number: int, work: Coroutine[None, None, tuple[float, int]]) -> _Taken:
    begin = number * MOVED % POOLS
    tell(metrics, range(begin, begin + MOVED), 12_345 + number)
    await asyncio.sleep(1.1)  # else the last one is served again
    begun = time.process_time()
    (seconds, size), pause = await _with_beats(work)
    return _Taken(seconds, size, time.process_time() - begun, pause)


async def _scrape(port: int, coding: str = "gzip") -> tuple[float, int]:
    """Seconds, and bytes as they come."""
    begun, size = time.monotonic(), 0
    url, headers = f"http://127.0.0.1:{port}/metrics", {"Accept-Encoding": coding}
    async with (
        aiohttp.ClientSession(auto_decompress=False, headers=headers) as session,
        session.get(url) as response,
    ):
        async for piece in response.content.iter_any():
            size += len(piece)
    return time.monotonic() - begun, size


async def _two(port: int) -> tuple[float, int]:
    """The later one's seconds, and the bytes of the text."""
    (one, _), (other, size) = await asyncio.gather(_scrape(port), _scrape(port, "identity"))
    return max(one, other), size


async def _with_beats(work: Coroutine[None, None, T]) -> tuple[T, float]:
    """What the work gives, and the longest time that the loop stood still meanwhile."""
    late = 0.0
    task = asyncio.create_task(work)
    while not task.done():
        begun = time.monotonic()
        await asyncio.sleep(BEAT)
        late = max(late, time.monotonic() - begun - BEAT)
    return await task, late
