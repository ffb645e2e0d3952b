"""The request budget of one account at work: whoever may not call yet is woken, or waits, until its turn comes."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta

from keypool.api.provider_budget import RequestBudget
from keypool.cluster.allowances import Counts
from keypool.cluster.errors import KubeError
from keypool.cluster.lease import LeadershipLost
from keypool.core.budget import Budget, Window
from keypool.core.turns import Rank, Ticket
from keypool.providers.errors import Throttled
from keypool.tasks import end

MINUTE = 60.0
DAY = 86400.0 + 120.0
"""Seconds of a daily window: a little longer, because a call may arrive some time after it was recorded."""
FIRST_PAUSE, LONGEST_PAUSE, CALM = 1.0, 60.0, 60.0
"""Seconds of the pauses after refusals that do not say how long to wait; after `CALM` they begin anew."""
STORE_AGAIN = 1.0
"""Seconds after a failure to record."""
SOONEST = 0.005

_log = logging.getLogger(__name__)

Store = Callable[[Counts], Awaitable[None]]
USING: ContextVar["tuple[AccountBudget, Ticket] | None"] = ContextVar("USING", default=None)
"""The turn that the calls of the running task are made on."""
_SENT: ContextVar[list[str] | None] = ContextVar("_SENT", default=None)


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Around calls: tells how many requests the running task has made in it."""
    sent = list[str]()
    token = _SENT.set(sent)
    try:
        yield lambda: len(sent)
    finally:
        _SENT.reset(token)


class AccountBudget:
    """A `providers.meter.Meter`. `now`: the clock in seconds; `wake`: a ticket's turn has come; `store` makes the day's
    use durable and raises KubeError; `minute`: the seconds of a minute's quota."""

    def __init__(
        self, now: Callable[[], float], wake: Callable[["AccountBudget", Ticket], None], store: Store, minute: float
    ) -> None:
        self.budget = Budget()
        self._now, self._wake, self._store, self._seconds = now, wake, store, minute
        self._patience = 1.5 * minute
        self._minute: Window | None = None
        self._quota: RequestBudget | None = None
        self._costs: dict[str, int] = {}
        self._inside: dict[Ticket, asyncio.Future[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._storing: asyncio.Task[None] | None = None
        self._refusals = 0

    # -- quotas

    def configure(self, quota: RequestBudget | None, *, recorded: Counts | None, fresh: bool) -> None:
        """`recorded`: the day's use so far, None when that cannot be known. Not `fresh`: others may have called just
        now, so the minute's quota counts as used up."""
        if quota == self._quota:
            return
        self._quota = quota
        used: Counts | None = {} if fresh else None
        self._minute = self._window(self._minute, quota.per_minute if quota else None, self._seconds, used)
        day = self._window(self.budget.day, quota.per_day if quota else None, DAY, recorded)
        self.budget.limit(tuple(window for window in (self._minute, day) if window is not None), day)
        self.dispatch()

    def _window(self, known: Window | None, calls: int | None, seconds: float, used: Counts | None) -> Window | None:
        if calls is None:
            return None
        if known is None:
            known = Window(calls, seconds)
            known.restore(used if used is not None else {known.slot(self._now()): calls})
        known.calls = calls
        return known

    @property
    def quota(self) -> RequestBudget | None:
        """What is configured."""
        return self._quota

    def granted(self) -> dict[str, int]:
        """Calls that each quota grants."""
        windows = {"minute": self._minute, "day": self.budget.day}
        return {name: window.calls for name, window in windows.items() if window is not None}

    def left(self) -> dict[str, int]:
        """Calls that each quota leaves now: "minute", "day"."""
        windows = {"minute": self._minute, "day": self.budget.day}
        return {name: self.budget.left(w, self._now()) for name, w in windows.items() if w is not None}

    # -- turns that are asked for before a pass goes on

    def is_free(self) -> bool:
        """Whether nobody has to ask."""
        return self.budget.is_free(self._now())

    def ask(self, pool: str, activity: str, rank: Rank, calls: int, number: int) -> tuple[list[Ticket], float]:
        """Has so many tickets in line; those whose turn is now, and since when the first of the others waits."""
        now, known = self._now(), [t for t in self.budget.tickets(pool, activity) if t.rank is rank]
        for ticket in known[number:]:
            self.budget.drop(ticket, now)
        for _ in range(number - len(known)):
            self.budget.ask(pool, activity, rank, calls, now)
        known = [ticket for ticket in self.budget.tickets(pool, activity) if ticket.rank is rank]
        granted, before = list[Ticket](), -1
        while len(granted) > before:  # those that are taken make room for the next to be woken
            before = len(granted)
            self.dispatch()
            granted = [ticket for ticket in known if ticket.granted is not None]
            for ticket in granted:
                self.budget.take(ticket)
        return granted, min((ticket.asked for ticket in known if ticket.granted is None), default=now)

    def take(self, ticket: Ticket) -> None:
        """Whoever was woken goes on now; so another may be."""
        self.budget.take(ticket)
        self._ring_soon()

    def cost(self, call: str, least: int) -> int:
        """How many requests such a call was last made of; fewer than `least` only because it failed."""
        return max(self._costs.get(call, least), least)

    def let_go(self, pool: str) -> None:
        """The pool's urgent calls were made, or cannot be made now."""
        self.budget.let_go(pool)
        self._ring_soon()

    def done(self, ticket: Ticket) -> None:
        """The ticket is not needed any more."""
        if ticket.used:
            self._costs[ticket.activity.partition(":")[0]] = ticket.used
        self.budget.drop(ticket, self._now())
        self._ring_soon()

    # -- the meter

    @asynccontextmanager
    async def turn(self, what: str, *, patient: bool = True) -> AsyncIterator[None]:
        """A request that a ticket covers is sent at once; others wait for a turn of their own, one and a half of the
        minute's windows at most, and not at all when they are not patient."""
        if (sent := _SENT.get()) is not None:
            sent.append(what)
        if self.is_free():
            yield
            return
        if pause := self.budget.paused_for(self._now()):
            raise _too_long(what, "the provider asked for a pause", pause)
        using = USING.get()
        mine = using[1] if using is not None and using[0] is self else None
        ticket = mine if mine is not None and mine.left else await self._own_turn(what, mine, patient)
        self.budget.begin(ticket)
        try:
            yield
        finally:
            self.budget.end(self._now())
            if ticket is not mine:
                self.budget.drop(ticket, self._now())
            self.dispatch()

    def throttled(self, retry_after: timedelta | None) -> None:
        """Nobody calls for so long; a provider that does not say gets longer and longer pauses."""
        now = self._now()
        if retry_after is not None:
            self.budget.pause(now + retry_after.total_seconds())
            self.dispatch()
            return
        if not self.budget.paused_for(now):
            calm = self.budget.paused_for(now - CALM) == 0
            self._refusals = 1 if calm else self._refusals + 1
        pause = min(FIRST_PAUSE * 2 ** min(self._refusals - 1, 10), LONGEST_PAUSE)
        self.budget.pause(now + pause)
        self.dispatch()

    async def _own_turn(self, what: str, mine: Ticket | None, patient: bool) -> Ticket:
        # What was begun is finished, also while a pool goes first, which may be waiting for this very call.
        pool, rank = (mine.pool, min(mine.rank, Rank.RENEW)) if mine is not None else ("", Rank.RENEW)
        ticket = self.budget.ask(pool, "inside a call", rank, 1, self._now())
        if mine is not None:
            mine.used += 1
        self._inside[ticket] = future = asyncio.get_running_loop().create_future()
        self.dispatch()
        try:
            wait = max((self.budget.turn_of(ticket, self._now()) or 0.0) - self._now(), 0.0)
            if not future.done() and wait > (self._patience if patient else -1.0):
                raise _too_long(what, "the account's request budget is used up", wait)
            async with asyncio.timeout(self._patience):
                await future
        except BaseException as error:  # its turn may have come at that very moment: it goes to others
            self.budget.drop(ticket, self._now())
            self._ring_soon()
            if isinstance(error, TimeoutError):
                raise _too_long(what, "others wait for the account's request budget too", self._seconds) from None
            raise
        finally:
            self._inside.pop(ticket, None)
        return ticket

    # -- the clockwork

    def dispatch(self) -> None:
        """Gives the turns that can be given, and sees to it that it happens again when more can be."""
        now = self._now()
        for ticket in self.budget.dispatch(now):
            future = self._inside.get(ticket)
            if future is None:
                self._wake(self, ticket)
            else:
                self.budget.take(ticket)
                future.set_result(None)
        if self._storing is None and (block := self.budget.block(now)):
            self._storing = asyncio.create_task(self._record(block, now))
        due = self.budget.next_turn(now)
        self._ring_at(None if due is None else due - now)

    def _ring_soon(self) -> None:
        if self.budget.waiting:
            self._ring_at(0.0)

    def _ring_at(self, seconds: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds is not None:
            self._alarm = asyncio.get_running_loop().call_later(max(seconds, SOONEST), self.dispatch)

    async def _record(self, block: int, at: float) -> None:
        try:
            await self._store(self.budget.record(block, at))
            if self.budget.day is not None:
                self.budget.reserved(block, at)
        except (KubeError, LeadershipLost) as error:
            _log.warning("the use of a daily quota could not be recorded: %s", error)
            await asyncio.sleep(STORE_AGAIN)
        finally:
            self._storing = None
        self.dispatch()

    async def close(self) -> None:
        """Nobody is woken any more."""
        self._ring_at(None)
        if self._storing is not None:
            await end(self._storing)


def _too_long(what: str, why: str, seconds: float) -> Throttled:
    wait = math.ceil(min(seconds, 3600.0))
    return Throttled(f"{what}: not sent, because {why}", timedelta(seconds=wait))
