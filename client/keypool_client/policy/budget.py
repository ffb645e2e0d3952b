"""How much a relay repeats, over all its requests: a provider in trouble must not get a multiple of the load."""

WINDOW_SECONDS = 10
SHARE = 0.2
FLOOR = 10


class RetryBudget:
    """In any ten seconds, attempts beyond the first are at most a fifth of the requests plus ten.

    Counted by whole seconds and on the safe side: repeats of a little more than ten seconds, requests of a little less.
    """

    __slots__ = ("_all_repeats", "_all_requests", "_repeats", "_requests", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._requests = [0] * (WINDOW_SECONDS + 1)
        self._repeats = [0] * (WINDOW_SECONDS + 1)
        self._all_requests = self._all_repeats = 0

    def request(self, now: float) -> None:
        """A request came in."""
        self._turn(int(now))
        self._requests[self._second % len(self._requests)] += 1
        self._all_requests += 1

    def take(self, now: float) -> bool:
        """Whether one more attempt is within the budget; it is then taken."""
        if not self.spare(now):
            return False
        self._repeats[self._second % len(self._repeats)] += 1
        self._all_repeats += 1
        return True

    def spare(self, now: float) -> bool:
        """Whether one more attempt would be within the budget."""
        self._turn(int(now))
        return self._all_repeats + 1 <= SHARE * self._all_requests + FLOOR

    def _turn(self, second: int) -> None:
        if second <= self._second:
            return
        size = len(self._requests)
        for passed in range(max(self._second + 1, second - size + 1), second + 1):
            self._requests[passed % size] = self._repeats[passed % size] = 0
        self._second = second
        self._all_repeats = sum(self._repeats)
        # The oldest second is partly more than ten seconds ago: its requests give no right to a repeat.
        self._all_requests = sum(self._requests) - self._requests[(second + 1) % size]
