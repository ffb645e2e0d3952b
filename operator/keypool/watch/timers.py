"""When to look at a key again: dates that wait their turn, growing delays after failures, and a pace for keys that are
touched all the time. No I/O, no clock."""

import heapq
from collections import Counter
from collections.abc import Callable


class Timers:
    """One date per key. A key's earlier date wins over a later one."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: str, due: float) -> None:
        """Remember `due` for the key unless an earlier date is set already."""
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(date, name) for name, date in self._due.items()]
            heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """The earliest date, None for none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[str]:
        """Take out the keys whose date has come, in the order of their dates."""
        keys = []
        while (due := self.next_due()) is not None and due <= now:
            _, key = heapq.heappop(self._heap)
            del self._due[key]
            keys.append(key)
        return keys


class Backoff:
    """Delay in seconds after the n-th failure of a key in a row: doubling, bounded, spread by a quarter either way."""

    def __init__(self, random: Callable[[], float], first: float = 0.5, longest: float = 60.0) -> None:
        """`random` gives numbers in [0, 1)."""
        self._random, self._first, self._longest = random, first, longest
        self._failures: dict[str, int] = {}

    def next(self, key: str) -> float:
        """Count one more failure and say how long to wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = self._first * 2.0 ** min(failures, 30)
        return min(min(delay, self._longest) * (0.75 + 0.5 * self._random()), self._longest)

    def forget(self, key: str) -> None:
        """The key went well: its next failure counts as the first."""
        self._failures.pop(key, None)


class Pace:
    """At most `most` runs of a key in one window of `seconds`: a flood of events about one object costs no more.

    The window is the same for all keys, so that nothing has to be remembered of a key longer than that.
    """

    def __init__(self, most: int = 20, seconds: float = 1.0) -> None:
        self._most, self._seconds = most, seconds
        self._runs: Counter[str] = Counter()
        self._since = float("-inf")

    def ran(self, key: str, now: float) -> None:
        """The key runs now."""
        if now - self._since >= self._seconds:
            self._runs.clear()
            self._since = now
        self._runs[key] += 1

    def pause(self, key: str, now: float) -> float:
        """Seconds until the key may run, 0 for at once."""
        left = self._since + self._seconds - now
        return min(left, self._seconds) if left > 0 and self._runs[key] >= self._most else 0.0
