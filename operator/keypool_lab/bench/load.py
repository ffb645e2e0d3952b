"""What is done to the cluster: pools are created and asked to rotate. Times are `time.monotonic()` seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from keypool.cluster import paths
from keypool.cluster.errors import KubeError
from keypool.core.annotations import ROTATE
from keypool_lab.bench.failures import BenchError
from keypool_lab.bench.stack import NAMESPACE, Stack, pool

AT_ONCE = 32
"""Requests under way at the same time: as many as the client has connections, so that none times out in its queue."""

Answered = dict[str, float]
"""When the API server had answered, by the pool's name."""


async def create(stack: Stack, names: Sequence[str], size: int = 1, rate: float | None = None) -> Answered:
    """Creates pools: all at once, or `rate` a second."""
    return await _each(names, rate, lambda name: stack.admin.create(paths.pools(NAMESPACE), pool(name, size)))


async def rotate(stack: Stack, names: Sequence[str]) -> Answered:
    """Asks all pools at once for new keys."""
    request = {"metadata": {"annotations": {ROTATE: str(time.time())}}}
    return await _each(names, None, lambda name: stack.admin.patch(paths.pool(NAMESPACE, name), request))


async def _each(names: Sequence[str], rate: float | None, send: Callable[[str], Awaitable[object]]) -> Answered:
    begin, turn = time.monotonic(), asyncio.Semaphore(AT_ONCE)

    async def one(number: int, name: str) -> float:
        if rate is not None:
            await asyncio.sleep(begin + number / rate - time.monotonic())
        async with turn:
            try:
                await send(name)
            except KubeError as error:
                raise BenchError(f"no load could be made: {error}") from None
        return time.monotonic()

    return dict(zip(names, await asyncio.gather(*map(one, range(len(names)), names)), strict=True))
