"""What an object asks for is reported early where it takes long to be done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from keypool.tasks import end

PATIENCE = 1.0
"""Seconds. What is done sooner is reported once, at its end; until then the object's generation tells that it is in
progress, see `api.crd.NOT_SEEN_YET`."""


@asynccontextmanager
async def reported_when_slow(report: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> AsyncIterator[None]:
    """Calls `report` beside what is inside, when that takes longer than `patience` seconds; and again so much later as
    long as it returns False, because there was nothing to be told yet. A report that has begun is awaited."""
    done = asyncio.Event()

    async def tell() -> None:
        while not await _is_set_within(done, patience):
            if await report():
                return

    telling = asyncio.create_task(tell())
    try:
        yield
        done.set()
        await asyncio.wait([telling])  # awaited itself, it would take a cancellation of this task for its own, and end
        telling.result()
    finally:
        await end(telling)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
