"""Reads the operator's meters before and after."""

import asyncio
import time
from collections import Counter

from keypool_lab.bench.figures import Cost
from keypool_lab.bench.scrape import writes
from keypool_lab.bench.stack import Operator, Stack
from keypool_lab.bench.waiting import until

SCRAPE_SECONDS = 1.2
"""Metrics may be a second old."""
QUIET_SECONDS = 120.0


class Meter:
    """Measures what the operator uses up, from its own start, or from `start` on.

    `since`: seconds since the epoch from which on calls to the provider count.
    """

    def __init__(self, stack: Stack, operator: Operator, since: float) -> None:
        self._stack, self._operator, self._since = stack, operator, since
        self._cpu, self._requests = 0.0, Counter[str]()

    @classmethod
    async def start(cls, stack: Stack, operator: Operator) -> "Meter":
        """Begins now."""
        requests = await fresh_requests(operator)
        meter = cls(stack, operator, time.time())
        meter._cpu, meter._requests = operator.process.cpu_seconds(), requests
        return meter

    async def stop(self) -> Cost:
        """What was used up since."""
        requests = await fresh_requests(self._operator) - self._requests
        written = writes(requests)
        return Cost(
            cpu=self._operator.process.cpu_seconds() - self._cpu,
            peak_rss=self._operator.process.peak_rss(),
            writes=written,
            reads=requests - written,
            calls=await self._stack.provider_calls(self._since),
        )


async def fresh_requests(operator: Operator) -> Counter[str]:
    """The operator's requests up to now."""
    await asyncio.sleep(SCRAPE_SECONDS)
    return (await operator.scrape()).requests


async def quiet(operator: Operator) -> None:
    """Waits until the operator writes nothing more, Events included."""
    before: Counter[str] | None = None

    async def same() -> bool:
        nonlocal before
        last, before = before, writes(await fresh_requests(operator))
        return last == before

    await until(same, QUIET_SECONDS, lambda: f"the operator still writes: {before}")
