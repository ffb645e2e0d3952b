"""What is set aside until a trial succeeds: a key that was rejected, an endpoint that does not answer."""

from collections.abc import Sequence
from math import inf

CANARY_SECONDS = (30.0, 60.0, 120.0, 240.0, 300.0)
"""A rejected key is tried after these pauses; the last one is repeated."""
BREAKER_SECONDS = (60.0,)
BREAKER_FAILURES = 5
"""So many failures in a row open an endpoint's breaker."""
MOMENT = 1.0
"""Seconds after a failure in which calls that had begun before it say nothing new by failing, too: many failures of one
moment are one."""


class Suspension:
    """On until a success ends it. When it is due, one request is its trial; after a failed one the pause is longer."""

    __slots__ = ("_step", "_steps", "changed", "due", "out", "since")

    def __init__(self, steps: Sequence[float]) -> None:
        self._steps, self._step = steps, 0
        self.since: float | None = None
        """None: it is off."""
        self.due = inf
        self.out = False
        """Its trial is under way."""
        self.changed = -inf
        """Calls that began before this say nothing of the present."""

    def counts(self, began: float) -> bool:
        """Whether a call that began then says something of the present."""
        return began >= self.changed

    def waits(self, now: float) -> bool:
        """Whether its trial is due."""
        return self.since is not None and not self.out and now >= self.due

    def begin(self, now: float) -> None:
        """Set aside from now on."""
        self.since, self._step = now, 0
        self._pause(now)

    def end(self, now: float) -> None:
        """In use again."""
        self.since, self.due, self.out, self.changed = None, inf, False, now

    def failed(self, now: float) -> None:
        """Its trial failed."""
        self._step = min(self._step + 1, len(self._steps) - 1)
        self._pause(now)

    def lost(self, now: float) -> None:
        """Its trial ended and said nothing: another one after the same pause."""
        if self.since is not None and self.out:
            self._pause(now)

    def _pause(self, now: float) -> None:
        self.due, self.out, self.changed = now + self._steps[self._step], False, now


class Breaker:
    """An endpoint's: it opens after failures in a row, whoever's key was used."""

    __slots__ = ("failed_at", "failures", "suspension")

    def __init__(self) -> None:
        self.failures, self.failed_at = 0, -inf
        self.suspension = Suspension(BREAKER_SECONDS)

    def failed(self, began: float, now: float, *, trial: bool) -> None:
        """A call failed for which the endpoint or the way to it is to blame."""
        if not self.suspension.counts(began):
            return
        if self.suspension.since is not None:
            if trial:
                self.suspension.failed(now)
            return
        if began < self.failed_at and now - self.failed_at < MOMENT:
            return
        self.failures, self.failed_at = self.failures + 1, now
        if self.failures >= BREAKER_FAILURES:
            self.failures = 0
            self.suspension.begin(now)

    def answered(self, began: float, now: float) -> None:
        """The endpoint answered, be it with a refusal."""
        if self.suspension.counts(began):
            self.failures = 0
            if self.suspension.since is not None:
                self.suspension.end(now)
