"""On whose behalf the running task works. What is shared (places, connections) is shared by that, and whoever waits for
somebody else's answer says so: its place is free for others meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Errand:
    """Of one pass over an object in `namespace`, "" for one of the cluster. `urgent`: it answers a reported leak.
    `waits` and `works` are called when the pass begins to wait for others, and when it goes on; `away`: so many of its
    tasks wait."""

    namespace: str
    urgent: bool = False
    waits: Callable[[], None] = lambda: None
    works: Callable[[], None] = lambda: None
    away: int = 0


ERRAND: ContextVar[Errand | None] = ContextVar("ERRAND", default=None)


@contextlib.contextmanager
def waiting_for_others() -> Iterator[None]:
    """Around what a provider, or another pass, may take long for."""
    errand = ERRAND.get()
    if errand is None:
        yield
        return
    errand.away += 1
    if errand.away == 1:
        errand.waits()
    try:
        yield
    finally:
        errand.away -= 1
        if not errand.away:
            errand.works()


@contextlib.asynccontextmanager
async def holding(lock: asyncio.Lock) -> AsyncIterator[None]:
    """As `async with lock`; whoever waits for it waits for others."""
    with waiting_for_others():
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()
