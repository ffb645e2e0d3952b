"""When a report is due: rarely, soon after a rejection, later and later where the API server takes none. Pure."""

from collections.abc import Callable
from math import inf

FIRST_SECONDS = 15.0
"""From the start to the first report: a short Job writes none."""
SPREAD_SECONDS = 10.0
"""A change of the file reaches all pods at once; their reports are spread over this."""
BETWEEN_SECONDS = 1.0
LOOK_SECONDS = 600.0
"""Between two looks whether the object is still there."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""After failures in a row; the last one is repeated."""
RARELY_SECONDS = 600.0
"""After a refusal, which only an administrator can end."""


class Pace:
    """All times are monotonic seconds. `draw` returns a random number in [0, 1)."""

    def __init__(self, now: float, draw: Callable[[], float]) -> None:
        self._draw, self._first = draw, now + FIRST_SECONDS
        self._due, self._not_before, self._look = inf, now, inf
        self._failures = 0
        self._wrote = False

    def wanted(self, now: float, *, differs: bool, urgent: bool) -> None:
        """What is to be told now differs from what was written, perhaps urgently."""
        if not differs:
            self._due = inf
        elif urgent:
            self._due = min(self._due, now)
        elif self._due == inf:
            self._due = now + SPREAD_SECONDS * self._draw() if self._wrote else max(now, self._first)

    def report_at(self) -> float:
        """When to report; infinite: not at all."""
        return max(self._due, self._not_before)

    def look_at(self) -> float:
        """When to look whether the object is there."""
        return max(self._look, self._not_before)

    def written(self, now: float) -> None:
        """The API server took it."""
        self._wrote, self._due, self._failures = True, inf, 0
        self._not_before = now + BETWEEN_SECONDS
        self.looked(now)

    def looked(self, now: float) -> None:
        """It was there, or the look failed."""
        self._look = now + self._about(LOOK_SECONDS)

    def failed(self, now: float, *, refused: bool) -> None:
        """It did not take it."""
        pause = RARELY_SECONDS if refused else PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self._not_before = now + self._about(pause)

    def _about(self, seconds: float) -> float:
        """More or less by a quarter: pods that fail together do not come back together."""
        return seconds * (0.75 + self._draw() / 2)
