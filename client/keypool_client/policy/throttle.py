"""Half the concurrency, for requests that go to what is set aside because nothing else is left."""

from math import inf

QUIET_SECONDS = 10.0
"""So long after the last such request the next one begins with half of what is then under way."""
PAUSE_SECONDS = 0.1
LONGEST_SECONDS = 1.0
"""A request is held back for so long in all, and then sent: it is never refused."""


class Throttle:
    """For each model: how many requests are under way, and how many may be while it has no good alternative."""

    def __init__(self) -> None:
        self._flying: dict[str, int] = {}
        self._limits: dict[str, tuple[float, float]] = {}

    def began(self, model: str) -> None:
        """An attempt was sent."""
        self._flying[model] = self._flying.get(model, 0) + 1

    def ended(self, model: str, *, succeeded: bool) -> None:
        """An attempt ended; a success of one that nothing but this was left for makes room for one more."""
        left = self._flying.get(model, 0) - 1
        if left > 0:
            self._flying[model] = left
        else:
            self._flying.pop(model, None)
        if succeeded and model in self._limits:
            limit, used = self._limits[model]
            self._limits[model] = (limit + 1, used)

    def full(self, model: str, now: float) -> bool:
        """Whether half the concurrency is under way already."""
        flying = self._flying.get(model, 0)
        limit, used = self._limits.get(model, (1.0, -inf))
        if now - used > QUIET_SECONDS:
            self._limits = {name: entry for name, entry in self._limits.items() if now - entry[1] <= QUIET_SECONDS}
            limit = max(1.0, flying // 2)
        self._limits[model] = (limit, now)
        return flying >= limit
