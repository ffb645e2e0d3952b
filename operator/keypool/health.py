"""What /readyz and /healthz say of a replica: whether it does, or could do, its work; and whether it stands still."""

from collections.abc import Callable
from dataclasses import dataclass

from keypool.cluster.lease import Leadership
from keypool.rehearsal import Rehearsal
from keypool.watch.liveness import Liveness

STANDBY_STALE = 30.0
"""Seconds without an answer about the Lease after which a standby is not ready."""
STUCK = 120.0
"""Seconds after which a duty that should have ended, or begun again, counts as standing still."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: a leader that sees nothing for `blind` gives the Lease up, and does not ask for it for `pause`, which
    doubles each time up to `longest`."""

    blind: float = 300.0
    pause: float = 60.0
    longest: float = 600.0


@dataclass(slots=True)
class Health:
    """Kept up to date by the replica. `liveness` is that of the leadership under way, None while there is none; `why`
    the Lease was given up, until `again`, when it is asked for again; `stopping`: it was told to end."""

    clock: Callable[[], float]
    patience: Patience
    leadership: Leadership | None = None
    rehearsal: Rehearsal | None = None
    liveness: Liveness | None = None
    why: str = ""
    again: float = 0.0
    lost_at: float | None = None

    def not_ready(self) -> list[str]:
        """A leader must see the cluster; a standby must see the Lease, and have proven that it could lead."""
        if self.leadership is None or self.rehearsal is None:
            return ["starting"]
        if self.liveness is not None and self.leadership.is_leader:
            return self.liveness.complaints()
        if self.why:
            left = max(0.0, self.again - self.clock())
            return [f"gave the Lease up: {self.why}; asks for it again in {left:.0f} s"]
        age = self.leadership.answer_age()
        reach = [] if age is not None and age < STANDBY_STALE else ["the Lease is out of reach"]
        return [*self.rehearsal.missing(), *reach]

    def notes(self) -> list[str]:
        """What waits while all else goes on."""
        if self.liveness is not None:
            return self.liveness.notes()
        return self.rehearsal.notes() if self.rehearsal is not None else []

    def not_alive(self) -> list[str]:
        """Why only a new process helps."""
        if self.leadership is None:
            return []
        if self.liveness is None:
            tried = self.leadership.attempt_age()
            stands = not self.why and tried is not None and tried > STUCK
            return ["the election stands still"] if stands else []
        if (blind := self.liveness.blind_for()) > self.patience.blind + STUCK and self.leadership.is_leader:
            return [f"sees nothing of the cluster for {blind:.0f} s, and has not given the Lease up"]
        return self._lost()

    def _lost(self) -> list[str]:
        """A leadership that is over, and whose work has not ended."""
        assert self.leadership is not None  # noqa: S101
        if self.leadership.is_leader:
            self.lost_at = None
            return []
        self.lost_at = self.lost_at if self.lost_at is not None else self.clock()
        over = self.clock() - self.lost_at
        return [f"leads no more for {over:.0f} s, and its work has not ended"] if over > STUCK else []
