"""What each key, and the account, may still do: requests a minute, and credit."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field

WINDOW = 60.0
"""Seconds over which requests are counted."""
ACCOUNT = ""
"""The account in the place of a key's id."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one request: `wait` whole seconds where a limit of requests a minute was reached, `exhausted` where
    no credit is left; else it is counted. `limit` and `left` are requests a minute."""

    limit: int
    left: int
    wait: int | None = None
    exhausted: bool = False


@dataclass(slots=True)
class Limits:
    """A sliding window for each key and for the account: no minute, wherever it begins, holds more than the limit.

    `rpm` overrides a key's own limit, or sets the account's; `credit` is how many requests are left to a key or to the
    account, without an entry as many as it likes.
    """

    rpm: dict[str, int] = field(default_factory=dict)
    credit: dict[str, int] = field(default_factory=dict)
    _taken: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def take(self, key_id: str, own: int, now: float) -> Taken:
        """Counts one request, unless a limit forbids it."""
        limits = {key_id: self.rpm.get(key_id, own)}
        if ACCOUNT in self.rpm:
            limits[ACCOUNT] = self.rpm[ACCOUNT]
        for who, limit in limits.items():
            if (wait := self._wait(who, limit, now)) is not None:
                return Taken(limit, 0, wait)
        if any(self.credit.get(who, 1) <= 0 for who in (key_id, ACCOUNT)):
            return Taken(limits[key_id], limits[key_id] - len(self._taken[key_id]), exhausted=True)
        for who in limits:
            self._taken[who].append(now)
        for who in {key_id, ACCOUNT} & self.credit.keys():
            self.credit[who] -= 1
        return Taken(limits[key_id], limits[key_id] - len(self._taken[key_id]))

    def _wait(self, who: str, limit: int, now: float) -> int | None:
        taken = self._taken[who]
        while taken and taken[0] <= now - WINDOW:
            taken.popleft()
        if len(taken) < limit:
            return None
        return math.ceil(taken[0] + WINDOW - now) if taken else math.ceil(WINDOW)
