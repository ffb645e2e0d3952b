"""How many requests one account may be sent, and who sends the next. Purely computational: times are given, in seconds.

No window of a quota's length, wherever it begins, holds more requests than the quota: a request counts from its grant
on, while it is under way, and for the whole length after its end. So this holds at the provider too, however long
requests travel.
"""

import math
from collections.abc import Mapping

from keypool.core.turns import Line, Rank, Ticket

SHARES: Mapping[Rank, float] = {Rank.URGENT: 1.0, Rank.RENEW: 0.95}
"""Parts of each quota that a rank may use up; of the others `OTHERS`. So what matters finds room at once."""
OTHERS = 0.9
CLAIM_WITHIN = 15.0
"""Seconds after which a turn that nobody takes goes to the next."""
MOST_WOKEN = 8
"""Turns that are given and not taken yet: more would only wait for places, with the urgent ones behind them."""
FIRST_FOR = 60.0
"""Seconds in a row that pools may go first: leaks that never end must not keep everybody else from their turns."""
SLOTS = 60


def share(calls: int, rank: Rank) -> int:
    """How many of a quota's calls a rank may use; at least one."""
    return calls - math.floor(calls * (1 - SHARES.get(rank, OTHERS)) + 1e-9)


class Window:
    """Counts the calls of the last `seconds`, in slots of a sixtieth: each until its slot's end is so long ago."""

    def __init__(self, calls: int, seconds: float) -> None:
        self.calls, self.seconds = calls, seconds
        self._width = seconds / SLOTS
        self._counts: dict[int, int] = {}

    def slot(self, now: float) -> int:
        """The slot that a call at `now` is counted in."""
        return math.floor(now / self._width)

    def note(self, now: float, calls: int = 1) -> None:
        """So many calls have ended now."""
        self._counts = {slot: count for slot, count in self._counts.items() if self._end(slot) > now}
        slot = self.slot(now)
        self._counts[slot] = self._counts.get(slot, 0) + calls

    def used(self, now: float) -> int:
        """Calls that count now."""
        return sum(count for slot, count in tuple(self._counts.items()) if self._end(slot) > now)

    def free_at(self, most: int, now: float) -> float:
        """From when on no more than `most` calls count, if none is added."""
        used = self.used(now)
        for slot in sorted(self._counts):
            if used <= most:
                break
            if self._end(slot) > now:
                used -= self._counts[slot]
                now = self._end(slot)
        return now

    def counts(self, now: float) -> dict[int, int]:
        """Calls by slot, as `restore` takes them."""
        return {slot: count for slot, count in self._counts.items() if self._end(slot) > now}

    def restore(self, counts: Mapping[int, int]) -> None:
        """Takes over what an earlier leader counted."""
        self._counts = dict(counts)

    def _end(self, slot: int) -> float:
        return (slot + 1) * self._width + self.seconds


class Budget:
    """Of one account. `windows`: its quotas, none for any number of calls. `day`: the one of them whose use must be
    durable before it happens, in blocks, see `block` and `reserved`."""

    def __init__(self) -> None:
        self.windows: tuple[Window, ...] = ()
        self.day: Window | None = None
        self._line = Line()
        self._tickets: dict[tuple[str, str], list[Ticket]] = {}
        self._woken: set[Ticket] = set()
        self._first: set[str] = set()
        self._first_since = -math.inf
        self._promised = self._busy = self._stored = self._stored_slot = 0
        self._paused_until = -math.inf

    @property
    def waiting(self) -> int:
        """Tickets that wait for their turn."""
        return len(self._line)

    def is_free(self, now: float) -> bool:
        """Whether anybody may call, as often as he likes."""
        return not self.windows and now >= self._paused_until and not self._tickets

    def pause(self, until: float) -> None:
        """No turn is given before then."""
        self._paused_until = max(self._paused_until, until)

    def paused_for(self, now: float) -> float:
        """Seconds until turns are given again, 0 for now."""
        return max(self._paused_until - now, 0.0)

    def left(self, window: Window, now: float) -> int:
        """Calls that the quota leaves now."""
        return max(window.calls - window.used(now) - self._promised - self._busy, 0)

    def limit(self, windows: tuple[Window, ...], day: Window | None) -> None:
        """Other quotas; tickets that wait ask for no more than these ever grant."""
        self.windows, self.day = windows, day
        for tickets in self._tickets.values():
            for ticket in tickets:
                if ticket.granted is None:
                    ticket.calls = self._at_most(ticket.calls, ticket.rank)

    # -- tickets

    def put_first(self, pool: str, now: float) -> None:
        """The pool's urgent calls come one after the other now: until `let_go`, what can wait gets no turn."""
        if not self._first:
            self._first_since = now
        self._first.add(pool)

    def let_go(self, pool: str) -> None:
        """The pool goes first no longer."""
        self._first.discard(pool)

    def ask(self, pool: str, activity: str, rank: Rank, calls: int, now: float) -> Ticket:
        """A new ticket in the line. It asks for no more than its rank ever gets."""
        ticket = Ticket(pool, activity, rank, self._at_most(calls, rank), now)
        self._tickets.setdefault((pool, activity), []).append(ticket)
        self._line.add(ticket)
        return ticket

    def tickets(self, pool: str, activity: str) -> tuple[Ticket, ...]:
        """Those that wait, and those whose turn has come."""
        return tuple(self._tickets.get((pool, activity), ()))

    def knows(self, ticket: Ticket) -> bool:
        """Whether the ticket waits, or its turn is not over."""
        return ticket in self._tickets.get((ticket.pool, ticket.activity), ())

    def dispatch(self, now: float) -> list[Ticket]:
        """Gives turns to as many as may have them now; each must be taken (`take`) within `CLAIM_WITHIN`."""
        for late in [ticket for ticket in self._woken if now - (ticket.granted or now) >= CLAIM_WITHIN]:
            self.drop(late, now)
        granted = []
        while (ticket := next((t for t in self._line.candidates() if self._fits(t, now)), None)) is not None:
            self._line.take(ticket)
            ticket.granted = now
            self._promised += ticket.calls
            self._stored -= ticket.calls
            self._woken.add(ticket)
            granted.append(ticket)
        return granted

    def take(self, ticket: Ticket) -> None:
        """Whoever asked goes on now; he drops the ticket when he is done."""
        self._woken.discard(ticket)

    def drop(self, ticket: Ticket, now: float) -> None:
        """The ticket is not needed any more; what it did not use is free again."""
        if not self.knows(ticket):
            return
        tickets = self._tickets[ticket.pool, ticket.activity]
        tickets.remove(ticket)
        if not tickets:
            del self._tickets[ticket.pool, ticket.activity]
        if ticket.granted is None:
            self._line.remove(ticket)
            return
        self._woken.discard(ticket)
        self._promised -= ticket.left
        if self.day is not None and self._stored_slot == self.day.slot(now):
            self._stored += ticket.left

    def begin(self, ticket: Ticket) -> None:
        """One of the ticket's calls is sent."""
        ticket.used += 1
        self._promised -= 1
        self._busy += 1

    def end(self, now: float) -> None:
        """A call is over, whatever came of it."""
        self._busy -= 1
        for window in self.windows:
            window.note(now)

    def next_turn(self, now: float) -> float | None:
        """When to dispatch again, if no call ends before; None for not before anything happens."""
        late = [ticket for ticket in self._line.candidates() if not self._has_room(ticket, now)]
        dates = [date for ticket in late if (date := self.turn_of(ticket, now)) is not None]
        dates += [(ticket.granted or now) + CLAIM_WITHIN for ticket in self._woken]
        return min(dates, default=None)

    def turn_of(self, ticket: Ticket, now: float) -> float | None:
        """When the ticket fits, if it is the first and no call is made before; None while only the end of calls under
        way can tell."""
        dates, taken = [now, self._paused_until], self._promised + self._busy + ticket.calls
        for window in self.windows:
            if (most := share(window.calls, ticket.rank) - taken) < 0:
                return None
            dates.append(window.free_at(most, now))
        return max(dates)

    def _at_most(self, calls: int, rank: Rank) -> int:
        return max(min([calls, *(share(window.calls, rank) for window in self.windows)]), 1)

    def _fits(self, ticket: Ticket, now: float) -> bool:
        if len(self._woken) >= MOST_WOKEN and ticket.rank is not Rank.URGENT:
            return False
        if self._first and ticket.rank > Rank.RENEW and now - self._first_since < FIRST_FOR:
            return False
        return self._has_room(ticket, now) and self._is_stored(ticket, now)

    def _has_room(self, ticket: Ticket, now: float) -> bool:
        if now < self._paused_until:
            return False
        taken = self._promised + self._busy + ticket.calls
        return all(window.used(now) + taken <= share(window.calls, ticket.rank) for window in self.windows)

    # -- what is durable

    def _is_stored(self, ticket: Ticket, now: float) -> bool:
        if self.day is None:
            return True
        return self._stored_slot == self.day.slot(now) and self._stored >= ticket.calls

    def block(self, now: float) -> int:
        """How many calls are to be recorded before the next turn can be given, 0 for none: a hundredth of the day's, so
        that records are seldom written and a crash wastes little."""
        if self.day is None:
            return 0
        short = [t.calls for t in self._line.candidates() if self._has_room(t, now) and not self._is_stored(t, now)]
        if not short:
            return 0
        return min(max(self.day.calls // 100, short[0]), self.left(self.day, now))

    def record(self, block: int, now: float) -> dict[int, int]:
        """What is to be durable: the day's calls by slot, those under way, and the block that is reserved now."""
        assert self.day is not None  # noqa: S101
        counts, slot = self.day.counts(now), self.day.slot(now)
        kept = self._stored if self._stored_slot == slot else 0
        counts[slot] = counts.get(slot, 0) + self._promised + self._busy + kept + block
        return counts

    def reserved(self, block: int, at: float) -> None:
        """What `record` gave for the time `at` is durable now."""
        assert self.day is not None  # noqa: S101
        slot = self.day.slot(at)
        self._stored = block + (self._stored if self._stored_slot == slot else 0)
        self._stored_slot = slot
