"""What this process uses up, sampled while something happens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.05
"""Seconds between two samples."""


@dataclass
class Peak:
    """The most that was seen: tasks of the event loop, open file descriptors, resident memory in MiB."""

    tasks: int = 0
    files: int = 0
    memory: float = 0.0


def now() -> Peak:
    """As it is at this moment."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Peak(len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir())), pages * 4096 / 2**20)


@contextlib.asynccontextmanager
async def growth() -> AsyncIterator[Peak]:
    """How much more than at the beginning was ever in use, up to the end of the block."""
    before, most = now(), Peak()

    def look() -> None:
        seen = now()
        most.tasks = max(most.tasks, seen.tasks - before.tasks)
        most.files = max(most.files, seen.files - before.files)
        most.memory = max(most.memory, seen.memory - before.memory)

    async def sample() -> None:
        while True:
            look()
            await asyncio.sleep(EVERY)

    sampling = asyncio.create_task(sample())
    try:
        yield most
    finally:
        look()
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
