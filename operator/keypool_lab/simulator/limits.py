"""Requests per minute of each key."""

import math
from collections import defaultdict, deque

WINDOW = 60.0
"""Seconds over which requests are counted."""


class Limits:
    """A sliding window for each key: no minute, wherever it begins, holds more than the key's limit."""

    def __init__(self) -> None:
        self._taken: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, key_id: str, rpm: int, now: float) -> int | None:
        """Counts one request: None when it is within the limit, else whole seconds until one fits again."""
        taken = self._taken[key_id]
        while taken and taken[0] <= now - WINDOW:
            taken.popleft()
        if len(taken) >= rpm:
            return math.ceil(taken[0] + WINDOW - now)
        taken.append(now)
        return None
