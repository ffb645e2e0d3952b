"""Whose turn it is to have its admin credential checked: all provider objects at one host share a line.

Each is asked every few minutes. Ten thousand objects of a gateway would make 42 listings a second of that, so beyond a
number each is asked less often. No I/O.
"""

from collections.abc import Callable

A_SECOND = 5
"""Checks of all provider objects at one host together: up to 1,200 of them are asked every four minutes."""
MOST_HOSTS = 1000
"""Hosts whose last turn is remembered after it has passed."""


class CheckLine:
    """`clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._free: dict[str, float] = {}
        """By host, from when on there is a turn."""
        self._turns: dict[str, tuple[str, float]] = {}
        """By UID of those that wait: the host, and when it is their turn."""

    def wait(self, uid: str, host: str) -> float:
        """Seconds until the object may be checked. 0: it is its turn, which this uses up. Who has to wait stands in
        line from now on."""
        now, known = self._clock(), self._turns.get(uid)
        if known is None or known[0] != host:
            turn = max(now, self._free.get(host, now))
            self._free[host] = turn + 1 / A_SECOND
            self._forget_hosts(now)
        else:
            turn = known[1]
        if turn > now:
            self._turns[uid] = (host, turn)
            return turn - now
        self._turns.pop(uid, None)
        return 0.0

    def leave(self, uid: str) -> None:
        """The object is gone, or a call told."""
        self._turns.pop(uid, None)

    def _forget_hosts(self, now: float) -> None:
        if len(self._free) > MOST_HOSTS:
            self._free = {host: free for host, free in self._free.items() if free > now}
