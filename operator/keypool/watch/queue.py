"""The work queue, after client-go's model: which pools to look at, and when.

A key never runs twice at once. A key added while it waits is one entry; added while it runs, it is queued again when
it is done. Keys run in the order in which they became ready, urgent ones first, as far as their lane (see `lanes`) has
room.
"""

import asyncio
import contextlib
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from keypool.errand import ERRAND, Errand
from keypool.providers.boundary import through
from keypool.serve.logs import describe
from keypool.tasks import end
from keypool.watch.lanes import Lane
from keypool.watch.timers import Backoff, Pace, Timers

Handler = Callable[[str], Awaitable[float | None]]

AT_ONCE = 16
"""Keys of no particular kind that run at once."""
SLICE = 200
"""Keys of a crowd that are taken in at a time."""

_log = logging.getLogger(__name__)


class WorkQueue:
    """Belongs to the event loop in which it was made."""

    def __init__(
        self,
        lanes: Mapping[str, Lane] | None = None,
        clock: Callable[[], float] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`lanes`: how many keys of a kind run at once; a key's kind stands before its first slash.

        `clock`: monotonic seconds (default: the loop's). `jitter`: random numbers in [0, 1).
        """
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._lanes = dict(lanes or {})
        self._lanes.setdefault("", Lane(AT_ONCE))
        self._moved = asyncio.Event()
        self._waiting: dict[str, float] = {}
        """Keys that are ready, and since when."""
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._errands: dict[str, Errand] = {}
        self._timers = Timers()
        self._backoff, self._pace = Backoff(jitter), Pace()
        self._alarm: asyncio.TimerHandle | None = None
        self._crowd: OrderedDict[str, None] = OrderedDict()
        self._draining, self._patient = False, True
        self._idle = asyncio.Event()

    def __len__(self) -> int:
        """Keys that are ready and wait for a worker."""
        return len(self._waiting) + len(self._again) + len(self._crowd)

    @property
    def depth(self) -> int:
        """The same as the length, as a name for metrics."""
        return len(self)

    def longest_wait(self) -> float:
        """Seconds for which the key has waited that waits longest; 0 while none does. For metrics, from a thread."""
        since = min(tuple(self._waiting.values()), default=None)
        return self._clock() - since if since is not None else 0.0

    @property
    def draining(self) -> bool:
        """Whether the process is about to end: what is begun is finished, nothing else is begun."""
        return self._draining

    def add(self, key: str) -> None:
        """Have the key looked at as soon as there is room; a key that is touched all the time, at its pace."""
        if self._draining:
            return
        if key in self._running:
            self._again.add(key)
        elif key in self._waiting:
            self._lane(key).touch(key)
        elif (pause := self._pace.pause(key, self._clock())) > 0:
            self.add_after(key, pause)
        else:
            self._waiting[key] = self._clock()
            self._lane(key).put(key)
            self._moved.set()

    def add_soon(self, key: str) -> None:
        """The same for one of many, such as all pools of a provider: they are taken in little by little, so that nobody
        waits until ten thousand are; but what is urgent at once."""
        if self._draining:
            return
        if self._lane(key).is_urgent(key):
            self.add(key)
            return
        if not self._crowd:
            self._loop.call_soon(self._let_in)
        self._crowd[key] = None

    def _let_in(self) -> None:
        for _ in range(min(SLICE, len(self._crowd))):
            self.add(self._crowd.popitem(last=False)[0])
        if self._crowd:
            self._loop.call_soon(self._let_in)

    def add_after(self, key: str, seconds: float) -> None:
        """Have the key looked at in so many seconds; an earlier date that is set already stays."""
        if seconds <= 0:
            self.add(key)
            return
        self._timers.set(key, self._clock() + seconds)
        self._set_alarm()

    def add_rate_limited(self, key: str) -> None:
        """Have the key looked at after a delay that doubles with each call, until `forget`."""
        self.add_after(key, self._backoff.next(key))

    def forget(self, key: str) -> None:
        """The key went well: `add_rate_limited` begins with the shortest delay again."""
        self._backoff.forget(key)

    async def get(self) -> str:
        """The next key, as soon as there is one and its lane has room; it counts as running until `done`."""
        while (key := self._take()) is None:
            self._moved.clear()
            await self._moved.wait()
        self._waiting.pop(key, None)
        self._running.add(key)
        self._pace.ran(key, self._clock())
        return key

    def errand(self, key: str) -> Errand:
        """Of a pass over the key, which runs: on whose behalf, and what its waiting frees."""
        lane = self._lane(key)

        def waits() -> None:
            lane.waits(key)
            self._moved.set()
            self._note_idle()

        errand = Errand(str(lane.owner_of(key) or ""), lane.is_urgent(key), waits, partial(lane.works, key))
        self._errands[key] = errand
        return errand

    def _note_idle(self) -> None:
        if self._draining and all(key in self._errands and self._is_over(self._errands[key]) for key in self._running):
            self._idle.set()

    def _is_over(self, errand: Errand) -> bool:
        return errand.may_be_left if self._patient else errand.may_be_cut

    def only_urgent(self, kind: str, *, only: bool) -> None:
        """Whether all but the urgent keys of a kind wait."""
        self._lanes[kind].only_urgent = only
        self._moved.set()

    def _take(self) -> str | None:
        return next((key for lane in self._lanes.values() if (key := lane.take()) is not None), None)

    def _lane(self, key: str) -> Lane:
        return self._lanes.get(key.partition("/")[0], self._lanes[""])

    def done(self, key: str) -> None:
        """The key no longer runs; it is queued again when it was added meanwhile."""
        self._running.discard(key)
        self._lane(key).done(key)
        self._moved.set()
        self._errands.pop(key, None)
        self._note_idle()
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _set_alarm(self) -> None:
        due = self._timers.next_due()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due is not None:
            self._alarm = self._loop.call_later(max(0.0, due - self._clock()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        for key in self._timers.pop_due(self._clock()):
            self.add(key)
        self._set_alarm()

    async def drain(self, patience: float | None = None) -> None:
        """Hand out no more keys, for good; returns when those in workers' hands are done, or do nothing but wait for
        answers that change nothing: what a provider does not say must not hold up whoever leads next. After `patience`
        seconds (None: never) also when they wait for answers to calls that change something."""
        self.close()
        self._draining = True
        self._crowd.clear()
        for lane in self._lanes.values():
            lane.clear()
        self._note_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._idle.wait()
        self._patient = False
        self._note_idle()
        await self._idle.wait()

    def close(self) -> None:
        """Stop the timer; nothing becomes ready by date any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


async def run_workers(queue: WorkQueue, handler: Handler) -> None:
    """Handle keys, as many at once as their lanes allow, until cancelled.

    The handler returns the seconds until the key is to be looked at again, None for not before it is touched. What it
    raises is logged and the key tried again with growing delays; nothing else ends by it.
    """
    running = set[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as group:
        try:
            while True:
                key = await queue.get()
                running.add(task := group.create_task(_work(queue, handler, key), name=key))
                task.add_done_callback(running.discard)
        finally:
            await end(*running)  # the group cancels each once, and a pass that misses it would hold up the end for ever


async def _work(queue: WorkQueue, handler: Handler, key: str) -> None:
    ERRAND.set(queue.errand(key))  # of this task, and of those that it makes
    try:
        again = await handler(key)
    except BaseException as error:
        if not isinstance(error, Exception) and through(error) is not None:
            raise
        _log.error("pass failed", extra={"key": key, "error": describe(error)})
        queue.add_rate_limited(key)
    else:
        queue.forget(key)
        if again is not None:
            queue.add_after(key, again)
    finally:
        queue.done(key)
