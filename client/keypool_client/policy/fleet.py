"""All that is known of the pools, their keys and their endpoints; kept over changes of the files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from math import inf

from keypool_client.model import DIALECTS, Dialect, Endpoint, Key, Pool
from keypool_client.policy.cooling import CREDIT_SECONDS, Group, Name, RateLimits
from keypool_client.policy.front import Front, Without
from keypool_client.policy.health import Guard, KeyHealth
from keypool_client.policy.hearsay import Hearsay
from keypool_client.policy.score import Lane
from keypool_client.policy.steps import Request
from keypool_client.policy.suspension import Breaker, Suspension
from keypool_client.policy.verdicts import Verdict

Place = tuple[str, tuple[tuple[Dialect, str], ...]]
"""An endpoint's name and its bases: another address is another endpoint."""
LOOK_AGAIN_SECONDS = 1.0
"""A trial is due, but this request cannot be one: look again then."""


class PoolState:
    """One pool: what is known of it."""

    def __init__(self, pool: Pool, before: "PoolState | None", credit: Callable[[Name], Group]) -> None:
        self.pool = pool
        known = before.keys if before is not None else {}
        self.keys: dict[str, KeyHealth] = {}
        for key in pool.keys:
            name = _fingerprint(key)
            self.keys[name] = known.get(name) or KeyHealth()
            self.keys[name].place(pool, key, credit((pool.account, key.credit_group)))
        same = before is not None and self.keys.keys() == known.keys()
        self.guard: Guard = before.guard if before is not None and same else Guard()
        ends = before.breakers if before is not None else {}
        self.breakers: dict[Place, Breaker] = {
            place: ends.get(place) or Breaker() for place in map(_place, pool.endpoints)
        }
        self.lanes: dict[tuple[str, Place], Lane] = dict(self._make(before.lanes if before is not None else {}))
        self.fronts = {dialect: Front(self._routes(dialect)) for dialect in DIALECTS if dialect in pool.dialects}

    def _make(self, known: Mapping[tuple[str, Place], Lane]) -> Iterator[tuple[tuple[str, Place], Lane]]:
        """The lanes of each key in the pool's order of endpoints, whatever order the key names them in."""
        for name, health in self.keys.items():
            for end in self.pool.endpoints:
                if end.name in health.key.endpoints:
                    place = _place(end)
                    lane = Lane(self.pool, end, health, self.breakers[place], self.guard)
                    old = known.get((name, place))
                    yield (name, place), lane.like(old) if old is not None else lane

    def _routes(self, dialect: Dialect) -> list[list[Lane]]:
        routes: dict[str, list[Lane]] = {}
        for (name, _), lane in self.lanes.items():
            if dialect in lane.endpoint.bases:
                routes.setdefault(name, []).append(lane)
        return list(routes.values())


class Fleet:
    """Every pool, the first one first."""

    def __init__(self, draw: Callable[[], float], tell: Callable[[Verdict], None] | None = None) -> None:
        self.draw, self.tell = draw, tell
        self.pools: list[PoolState] = []
        self.heard = Hearsay()
        self.rates = RateLimits()
        self._credits: dict[Name, Group] = {}
        self._version = 0
        self._look_at = inf

    def update(self, pools: Sequence[Pool]) -> None:
        """These are the pools from now on. What is known of a value that stays is kept."""
        before = {(state.pool.name, state.pool.account): state for state in self.pools}
        names = {(pool.account, key.credit_group) for pool in pools for key in pool.keys}
        self._credits = {name: self._credits.get(name) or Group(CREDIT_SECONDS) for name in names}
        self.pools = [
            PoolState(pool, before.get((pool.name, pool.account)), self._credits.__getitem__) for pool in pools
        ]
        self.heard.keep(health for state in self.pools for health in state.keys.values())
        self.suspended()

    def changed(self) -> None:
        """Something failed, or is in use again: scores and what is good are read anew."""
        self._version += 1

    def suspended(self) -> None:
        """A suspension began, ended or was moved."""
        self._version += 1
        self._look_at = min((suspension.due for suspension in self._suspensions() if not suspension.out), default=inf)

    def fronts(self, request: Request) -> list[Front]:
        """Where this request may go. What has state stays in the first pool, which is one account."""
        pools = self.pools if request.stateless else self.pools[:1]
        return [state.fronts[request.dialect] for state in pools if request.dialect in state.fronts]

    def usable(self, request: Request, without: Without, now: float) -> Lane | None:
        """The best lane that nothing speaks against, in the first pool that has one.

        Rather one that no sibling speaks against either. Where there is none, what siblings said counts for nothing.
        """
        rather = self.heard.avoiding(without, request.model or "", now)
        lane = self._pick(request, rather, now) if rather is not None else None
        return lane or self._pick(request, without, now)

    def _pick(self, request: Request, without: Without, now: float) -> Lane | None:
        cooling = self.rates.cooling(request.model or "", now)
        for front in self.fronts(request):
            lane = front.pick(without, cooling, self.draw, now, self._version)
            if lane is not None:
                return lane
        return None

    def nearest(self, request: Request, without: Without, now: float) -> Lane | None:
        """Of what is set aside the one that returns first; what was rejected or has no credit comes last."""
        left = self.left(request, without)
        return min(left, key=lambda lane: self._rank(lane, request, now), default=None)

    def left(self, request: Request, without: Without) -> list[Lane]:
        """Every lane that the request did not try, good or not."""
        routes = (route for front in self.fronts(request) for route in front.routes)
        return [lane for route in routes for lane in route if without.allows(lane)]

    def trial(self, request: Request, now: float) -> tuple[Lane, Suspension] | None:
        """A trial that is due and that this request can be: should it fail, the request goes on elsewhere."""
        if now < self._look_at:
            return None
        for lane in self.left(request, Without()):
            suspension = _due(lane, now)
            if suspension is not None:
                suspension.out = True
                self.suspended()
                return lane, suspension
        self._look_at = now + LOOK_AGAIN_SECONDS
        return None

    def limit_ends(self, request: Request, without: Without, now: float) -> float:
        """When the first of the rate limits ends that keep this request from a key that is good otherwise."""
        left = self.left(request, without)
        good = [lane for lane in left if not dead(lane, now) and lane.breaker.suspension.since is None]
        ends = (self.rates.until(request.model or "", lane.health.rate_name) for lane in good or left)
        return max(now, min(ends, default=now))

    def _rank(self, lane: Lane, request: Request, now: float) -> tuple[bool, float, int, float]:
        health = lane.health
        rate = self.rates.until(request.model or "", health.rate_name)
        suspended = [s.due for s in (health.suspension, lane.breaker.suspension) if s.since is not None]
        returns = max(now, rate, health.credit.until, *suspended)
        return dead(lane, now), returns, health.in_flight, self.draw()

    def _suspensions(self) -> Iterator[Suspension]:
        for state in self.pools:
            for health in state.keys.values():
                yield health.suspension
            for breaker in state.breakers.values():
                yield breaker.suspension


def _due(lane: Lane, now: float) -> Suspension | None:
    """What a call of this lane would be the trial of, where that is due. One trial at a time, of one thing."""
    key, end = lane.health.suspension, lane.breaker.suspension
    if key.waits(now) and end.since is None:
        return key
    return end if end.waits(now) and not dead(lane, now) else None


def dead(lane: Lane, now: float) -> bool:
    """Whether the key was rejected or has no credit: there is little hope in it."""
    return lane.health.suspension.since is not None or lane.health.credit.until > now


def _fingerprint(key: Key) -> str:
    """Names a value without telling it."""
    return sha256(key.value.encode()).hexdigest()


def _place(end: Endpoint) -> Place:
    return end.name, tuple(end.bases.items())
