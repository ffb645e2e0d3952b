"""The lanes of a pool in one dialect, and which of them are good now."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from math import inf

from keypool_client.policy.cooling import Name
from keypool_client.policy.health import KeyHealth
from keypool_client.policy.score import Lane, best, calm, decay, least_loaded
from keypool_client.policy.suspension import Breaker

READ_SECONDS = 0.02
"""How often scores are read while all goes well; after a failure they are read at once."""


class Without:
    """What a request has tried and does not try again."""

    __slots__ = ("breakers", "credits", "keys", "rates")

    def __init__(self) -> None:
        self.keys: set[KeyHealth] = set()
        self.breakers: set[Breaker] = set()
        self.rates: set[Name] = set()
        self.credits: set[Name] = set()

    def __bool__(self) -> bool:
        return bool(self.keys or self.breakers or self.rates or self.credits)

    def allows(self, lane: Lane) -> bool:
        """Whether this lane is left."""
        health = lane.health
        return not (
            health in self.keys
            or lane.breaker in self.breakers
            or health.rate_name in self.rates
            or health.credit_name in self.credits
        )


class Front:
    """For each key its lanes, the preferred endpoint first."""

    def __init__(self, routes: Sequence[Sequence[Lane]]) -> None:
        self.routes = routes
        self.usable: list[Lane] = []
        """One for each key that nothing speaks against, at its first endpoint that is in order."""
        self.best: list[Lane] = []
        self._wary = False
        """One of the best failed last."""
        self._read_at, self._version, self._picks = -inf, -1, 0

    def pick(
        self, without: Without, cooling: AbstractSet[Name], draw: Callable[[], float], now: float, version: int
    ) -> Lane | None:
        """The least loaded lane that is good now; None when none is. `version` counts what changed."""
        if version != self._version or now - self._read_at >= READ_SECONDS:
            self._read(now, version)
        if not cooling and not without:
            self._picks += 1
            lanes = calm(self.best) if self._wary else self.best
            return least_loaded(lanes, draw) if lanes else None
        lanes = self._others(without) if without.breakers else self.usable
        left = [lane for lane in lanes if lane.health.rate_name not in cooling and without.allows(lane)]
        if not left:
            return None
        self._picks += 1
        return least_loaded(calm(best(left)), draw)

    def _others(self, without: Without) -> list[Lane]:
        """Where endpoints are left out, a key's next endpoint stands for it."""
        lanes = (_first(route, without.breakers) for route in self.routes)
        return [lane for lane in lanes if lane is not None]

    def _read(self, now: float, version: int) -> None:
        lanes = (_first(route) for route in self.routes)
        self.usable = [lane for lane in lanes if lane is not None and lane.health.credit.until <= now]
        decay(self.usable, max(now - self._read_at, 0.0) if self._read_at > -inf else 0.0, self._picks)
        self.best = best(self.usable)
        self._wary = any(lane.failing for lane in self.best)
        self._read_at, self._version, self._picks = now, version, 0


def _first(route: Sequence[Lane], without: AbstractSet[Breaker] = frozenset()) -> Lane | None:
    if route[0].health.suspension.since is not None:
        return None
    for lane in route:
        if lane.breaker.suspension.since is None and lane.breaker not in without:
            return lane
    return None
