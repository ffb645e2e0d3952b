"""Which of several keys is the least loaded: error_rate * 1000 + latency_ms * 0.1, the lower the better."""

from collections.abc import Callable, Sequence

from keypool_client.model import Endpoint, Pool
from keypool_client.policy.health import Guard, KeyHealth
from keypool_client.policy.suspension import Breaker

KEPT, NEW = 0.9, 0.1
EQUAL_POINTS = 50.0
SLOWEST_MS = 5000.0
"""Slower answers count like this: else a key that fails at once would look better than a slow one."""
HALF_SECONDS, HALF_REQUESTS = 30.0, 70
"""A score without news is half-way at the mean after both: it is tried again in time, and rarely enough."""


class Lane:
    """A key at an endpoint, and how calls of the two together went."""

    __slots__ = ("breaker", "endpoint", "error_rate", "failing", "guard", "health", "key", "latency_ms", "news", "pool")

    def __init__(self, pool: Pool, endpoint: Endpoint, health: KeyHealth, breaker: Breaker, guard: Guard) -> None:
        self.pool, self.key, self.endpoint = pool, health.key, endpoint
        self.health, self.breaker, self.guard = health, breaker, guard
        self.error_rate = 0.0
        self.latency_ms: float | None = None
        """Until the first byte of successes; None: nothing is known, the others' mean stands in."""
        self.failing = False
        """The last call failed: one at a time until one succeeds."""
        self.news = False
        """Something ended since the scores were last read."""

    @property
    def score(self) -> float:
        """The lower the better."""
        return self.error_rate * 1000 + (self.latency_ms or 0.0) * 0.1

    def succeeded(self, first_byte: float | None) -> None:
        """A call succeeded, so many seconds until its first byte."""
        self.error_rate *= KEPT
        self.failing, self.news = False, True
        if first_byte is not None:
            spent = min(max(first_byte, 0.0) * 1000, SLOWEST_MS)
            self.latency_ms = spent if self.latency_ms is None else KEPT * self.latency_ms + NEW * spent

    def failed(self) -> None:
        """A call failed, and not by the caller's fault."""
        self.error_rate = KEPT * self.error_rate + NEW
        self.failing, self.news = True, True

    def like(self, other: "Lane") -> "Lane":
        """With the same past."""
        self.error_rate, self.latency_ms, self.failing = other.error_rate, other.latency_ms, other.failing
        return self


def decay(lanes: Sequence[Lane], seconds: float, requests: int) -> None:
    """Move the scores that had no news towards the mean; what is unknown is the mean."""
    known = [lane for lane in lanes if lane.latency_ms is not None]
    latency = sum(lane.latency_ms or 0.0 for lane in known) / len(known) if known else None
    errors = sum(lane.error_rate for lane in lanes) / len(lanes) if lanes else 0.0
    kept = 0.5 ** min(seconds / HALF_SECONDS, requests / HALF_REQUESTS)
    for lane in lanes:
        if lane.latency_ms is None:
            lane.latency_ms = latency
        elif not lane.news and latency is not None:
            lane.latency_ms = latency + (lane.latency_ms - latency) * kept
        if not lane.news:
            lane.error_rate = errors + (lane.error_rate - errors) * kept
        lane.news = False


def best(lanes: Sequence[Lane]) -> list[Lane]:
    """Those that are as good as the best one."""
    scores = [lane.score for lane in lanes]
    limit = min(scores, default=0.0) + EQUAL_POINTS
    return [lane for lane, score in zip(lanes, scores, strict=True) if score <= limit]


def calm(lanes: list[Lane]) -> list[Lane]:
    """Without those that failed last and have a request under way already: whoever fails is asked by one at a time."""
    quiet = [lane for lane in lanes if not (lane.failing and lane.health.in_flight)]
    return quiet or lanes


def least_loaded(lanes: Sequence[Lane], draw: Callable[[], float]) -> Lane:
    """Of equals: the one with the fewest requests in flight, then chance. There is at least one lane."""
    loads = [lane.health.in_flight for lane in lanes]
    least = min(loads)
    place = -1
    for _ in range(1 + int(draw() * loads.count(least))):
        place = loads.index(least, place + 1)
    return lanes[place]
