"""Waiting with a deadline, while the process that is waited for lives."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from keypool_lab.bench.failures import BenchError

POLL_SECONDS = 0.1


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, complaint: Callable[[], str]) -> None:
    """Asks again and again. Raises BenchError with `complaint()` after so many seconds."""
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > end:
            raise BenchError(f"{complaint()} after {seconds:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
