"""The pools of one tenant in their order, and which of them its limits refuse. No I/O, no clock.

The order is kept, and what follows from it is worked out once for each change, not once for each pool that asks: of
thousands of refused pools, each would else be counted against all others.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from keypool.api.tenancy import TenantLimits


@dataclass(frozen=True, slots=True)
class Holder:
    """A pool as its tenant's counts see it: `size` keys are asked for, `held` slots have one or are about to.
    `refused`: it asks for something else that it may not have, and so gets no key."""

    uid: str
    created: datetime
    size: int
    held: int
    refused: bool = False

    @property
    def claim(self) -> int:
        """The most keys that it may count for."""
        return self.held if self.refused else max(self.size, self.held)

    @property
    def place(self) -> tuple[datetime, bool, str]:
        """Its place in the order of age. A creation is dated to the second: of one second's pools, those that hold keys
        come first, or a new one would take what another has."""
        return self.created, self.held == 0, self.uid


class Roll:
    """Pools that hold keys count first, then the oldest: a new pool never takes what another one has, and no pool grows
    into what others hold. One that is refused counts for what it holds alone: its place is for others."""

    def __init__(self, limits: TenantLimits, pools: Iterable[Holder] = ()) -> None:
        self.limits = limits
        self._order: list[tuple[datetime, bool, str]] = []
        self._pools: dict[str, Holder] = {}
        self._holding: list[tuple[datetime, bool, str]] = []
        self._waiting: list[tuple[datetime, bool, str]] = []
        self._left_out: list[tuple[datetime, bool, str]] = []
        self._claims = 0
        self._told: set[str] = set()
        self._by_keys: dict[str, str] | None = None
        self._moved = False
        for pool in sorted(pools, key=lambda each: each.place):
            self.put(pool)

    def __iter__(self) -> Iterator[Holder]:
        return (self._pools[uid] for *_, uid in self._order)

    def put(self, pool: Holder) -> None:
        """The pool is new, or is so now."""
        known = self._pools.get(pool.uid)
        if known == pool:
            return
        if known is not None:
            self.drop(pool.uid)
        for places in self._of(pool):
            insort(places, pool.place)
        self._pools[pool.uid] = pool
        self._changed(pool.claim)

    def drop(self, uid: str) -> None:
        """The pool is gone, or is another tenant's."""
        if (known := self._pools.pop(uid, None)) is not None:
            for places in self._of(known):
                del places[bisect_left(places, known.place)]
            self._changed(-known.claim)

    def _of(self, pool: Holder) -> Iterator[list[tuple[datetime, bool, str]]]:
        """The lists that it stands in."""
        yield self._order
        if pool.held:
            yield self._holding
        elif not pool.refused:
            yield self._waiting

    def _changed(self, claim: int) -> None:
        self._claims += claim
        self._by_keys, self._moved = None, True

    def refusal(self, uid: str) -> str | None:
        """Why the pool is too many, or too large. It is remembered that this was asked, see `admitted`."""
        text = self._refusal(uid)
        (self._told.discard if text is None else self._told.add)(uid)
        return text

    def admitted(self) -> set[str]:
        """The pools that were refused when they asked, and would not be now: each is named once."""
        if not self._moved or not self._told:
            return set()
        self._moved = False
        self._told &= self._pools.keys()
        found = {uid for uid in self._told if self._refusal(uid) is None}
        self._told -= found
        return found

    def _refusal(self, uid: str) -> str | None:
        pool = self._pools.get(uid)
        if pool is None:
            return None
        too_large, number = self._too_large().get(uid), self._number(pool)
        if self._is_too_many(number):
            return (
                f"this is pool {number} of the tenant, by age, and {self.limits.pools} are allowed (those that hold "
                "keys come first): delete one, or ask for more"
            )
        return too_large

    def _number(self, pool: Holder) -> int:
        """Its place among those that count. Those that are too large are known."""
        if pool.held:
            return bisect_left(self._holding, pool.place) + 1
        older = bisect_left(self._waiting, pool.place) - bisect_left(self._left_out, pool.place)
        return len(self._holding) + older + 1

    def _is_too_many(self, number: int) -> bool:
        return self.limits.pools is not None and number > self.limits.pools

    def _too_large(self) -> dict[str, str]:
        """By UID, why pools are too large. Nothing is counted while all claims together fit."""
        if self._by_keys is None:
            self._left_out, self._by_keys = [], {}
            if self.limits.keys is not None and self._claims > self.limits.keys:
                self._by_keys = dict(self._counted(self.limits.keys))
        return self._by_keys

    def _counted(self, keys: int) -> Iterator[tuple[str, str]]:
        older, newer = 0, sum(pool.held for pool in self._pools.values())
        for pool in self:
            newer -= pool.held
            taken = older + (newer if pool.size > pool.held else 0)
            too_large, too_many = taken + pool.size > keys, self._is_too_many(self._number(pool))
            if too_large:
                free = max(keys - taken, 0)
                yield (
                    pool.uid,
                    f"spec.size: {pool.size} is asked for, and {free} of the tenant's {keys} keys are free for this "
                    "pool",
                )
            if too_large and not pool.held and not pool.refused:
                self._left_out.append(pool.place)
            older += pool.held if too_large or too_many or pool.refused else pool.size
