"""Which key a request goes to, and what comes after a failure."""

from collections.abc import Callable, Sequence

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Hand, Refuse, Request, Send, Step, Why

ATTEMPTS = 4


class Chooser:
    """What a relay knows of its pools: the first one and those to fall back to. State without I/O."""

    def __init__(self, draw: Callable[[], float]) -> None:
        """`draw` returns a random number in [0, 1)."""
        self._draw = draw
        self.pools: Sequence[Pool] = ()

    def update(self, pools: Sequence[Pool], now: float) -> None:
        """A file changed: these are the pools from now on, the first one first."""
        del now
        self.pools = tuple(pools)

    def begin(self, request: Request, now: float) -> "Exchange":
        """A request came in: ask the exchange for the first step."""
        del now
        return Exchange(self, request)


class Exchange:
    """One request until its answer: `next` says what to do, and is told how each attempt `ended`."""

    def __init__(self, chooser: Chooser, request: Request) -> None:
        self._chooser, self._request = chooser, request
        self._tried: set[str] = set()
        self._last: Outcome | None = None
        self._committed = False
        self.attempts = 0

    def next(self, now: float) -> Step:
        """What to do now."""
        del now
        last = self._last
        if last is not None and (last.failure is None or self._committed):
            return Hand(Why.ANSWERED if last.failure is None else Why.COMMITTED)
        if last is not None and last.failure is not FailureClass.CREDENTIAL:
            return Hand(Why.FINAL)
        if self.attempts == ATTEMPTS:
            return Hand(Why.ATTEMPTS)
        for pool in self._chooser.pools:
            for key, endpoint in _ways(pool, self._request):
                if key.id not in self._tried:
                    self._tried.add(key.id)
                    self.attempts += 1
                    return Send(pool, key, endpoint, self.attempts)
        return Hand(Why.NO_ALTERNATIVE) if last is not None else Refuse("keypool_no_usable_key", 5.0)

    def ended(self, outcome: Outcome, now: float) -> None:
        """The attempt of the last `Send` ended like this."""
        del now
        self._last = outcome

    def committed(self, now: float) -> None:
        """The first content of the answer goes to the client: there is no attempt after this."""
        del now
        self._committed = True

    def abandoned(self, now: float) -> None:
        """The client went away: the attempt under way counts for nothing."""


def _ways(pool: Pool, request: Request) -> list[tuple[Key, Endpoint]]:
    ends = {end.name: end for end in pool.endpoints if request.dialect in end.bases}
    return [(key, ends[name]) for key in pool.keys for name in key.endpoints if name in ends]
