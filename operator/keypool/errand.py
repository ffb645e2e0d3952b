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
    tasks wait, and so many are `changing` something at a provider, which must not be cut off; `unanswered`: so many of
    these wait for its answer, while all that was answered is recorded."""

    namespace: str
    urgent: bool = False
    waits: Callable[[], None] = lambda: None
    works: Callable[[], None] = lambda: None
    away: int = 0
    changing: int = 0
    unanswered: int = 0

    @property
    def may_be_left(self) -> bool:
        """Whether it does nothing but wait for an answer that nobody misses: it asked and changed nothing."""
        return self.away > 0 and not self.changing

    @property
    def may_be_cut(self) -> bool:
        """Whether it does nothing but wait for answers, whatever was asked: what it knows stands in the ledger, and the
        next leader takes what it asked for as lost."""
        return self.away > 0 and self.changing == self.unanswered


_CHANGING: ContextVar[bool] = ContextVar("_CHANGING", default=False)
"""Whether the running task changes something at a provider."""
ERRAND: ContextVar[Errand | None] = ContextVar("ERRAND", default=None)


@contextlib.contextmanager
def waiting_for_others() -> Iterator[None]:
    """Around what a provider, or another pass, may take long for."""
    errand = ERRAND.get()
    if errand is None:
        yield
        return
    changes = _CHANGING.get()
    errand.away += 1
    errand.unanswered += changes
    if errand.away == 1 or changes:
        errand.waits()
    try:
        yield
    finally:
        errand.away -= 1
        errand.unanswered -= changes
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
    token = _CHANGING.set(True)
    try:
        yield
    finally:
        _CHANGING.reset(token)
        errand.changing -= 1
        if errand.may_be_cut:  # what goes on beside it only waits
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
