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
    tasks wait, and so many are `changing` something at a provider, which must not be cut off."""

    namespace: str
    urgent: bool = False
    waits: Callable[[], None] = lambda: None
    works: Callable[[], None] = lambda: None
    away: int = 0
    changing: int = 0

    @property
    def may_be_left(self) -> bool:
        """Whether it does nothing but wait for an answer that nobody misses: it asked and changed nothing."""
        return self.away > 0 and not self.changing


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


@contextlib.contextmanager
def changing_something() -> Iterator[None]:
    """Around a call that changes something at a provider, until its outcome is recorded."""
    errand = ERRAND.get()
    if errand is None:
        yield
        return
    errand.changing += 1
    try:
        yield
    finally:
        errand.changing -= 1
        if errand.away and not errand.changing:  # what goes on beside it only waits: it may be left now
            errand.waits()


@contextlib.asynccontextmanager
async def holding(lock: asyncio.Lock) -> AsyncIterator[None]:
    """As `async with lock`; whoever waits for it waits for others."""
    with waiting_for_others():
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()
