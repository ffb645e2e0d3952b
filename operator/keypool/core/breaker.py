"""The circuit breaker of an endpoint: what failed several times in a row is left alone for a while, then tried once.

Many failures of one moment are one failure: calls that were under way together and fail together tell no more than one.
"""

from dataclasses import dataclass
from enum import StrEnum

FAILURES = 5
"""In a row: so many open it."""
COOL_DOWN = 60.0
"""Seconds for which it lets nothing through, once it is open."""
MOMENT = 1.0
"""Seconds after a failure in which calls that had begun before it say nothing new by failing, too."""


class State(StrEnum):
    """What an endpoint's breaker does with calls, as status tells it."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Of a call: after so many changes of state, and so many failures that counted, it was admitted."""

    changes: int
    failures: int


@dataclass(slots=True)
class Breaker:
    """Closed it lets every call through, open none, half-open one: its outcome closes or opens it.

    `cool_down` and all times are seconds of one clock that never goes back. Each call that is admitted gets a ticket,
    with which it is settled; a ticket of before the last change of state counts for nothing, so that calls which took
    long cannot undo what newer ones found out.
    """

    cool_down: float = COOL_DOWN
    _changes: int = 0
    _failures: int = 0
    _counted: int = 0
    _failed_at: float = float("-inf")
    _open_until: float | None = None
    _tried: bool = False

    def state(self, now: float) -> State:
        """Its state at a time."""
        if self._open_until is None:
            return State.CLOSED
        return State.OPEN if now < self._open_until else State.HALF_OPEN

    def retry_in(self, now: float) -> float:
        """Seconds until it is half-open; 0 when it is not open."""
        return max(self._open_until - now, 0.0) if self._open_until is not None else 0.0

    def admits(self, now: float) -> bool:
        """Whether it would let a call through."""
        return self.state(now) is not State.OPEN and not self._tried

    def admit(self, now: float) -> Ticket | None:
        """The ticket of a call that may be made, which must be settled; None for one that may not."""
        if not self.admits(now):
            return None
        self._tried = self.state(now) is State.HALF_OPEN
        return Ticket(self._changes, self._counted)

    def settle(self, ticket: Ticket, worked: bool | None, now: float) -> None:
        """How a call ended: None when nothing was learnt about the endpoint."""
        if ticket.changes != self._changes:
            return
        if worked is None:
            self._tried = False
        elif worked:
            self._failures = 0
            if self._open_until is not None:
                self._change(None)
        elif ticket.failures == self._counted or now - self._failed_at >= MOMENT:
            self._failures, self._counted, self._failed_at = self._failures + 1, self._counted + 1, now
            if self._tried or self._failures >= FAILURES:
                self._change(now + self.cool_down)

    def _change(self, open_until: float | None) -> None:
        self._changes += 1
        self._failures, self._tried, self._open_until = 0, False, open_until
