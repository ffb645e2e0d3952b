"""How pools stand, as series for Prometheus. They are made at each scrape: a gauge for each pool takes a kilobyte."""

from collections import Counter
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from keypool.core.lifecycle import KeyState

POOL = ("namespace", "pool")


T = TypeVar("T")


class ByPool(Collector, Generic[T]):
    """What is known of each pool. Its series exist while the pool does."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str], T] = {}

    def note(self, namespace: str, pool: str, known: T | None) -> None:
        """What is known of a pool; None when nothing is, or it is gone."""
        if known is None:
            self._pools.pop((namespace, pool), None)
        else:
            self._pools[namespace, pool] = known

    def known(self) -> list[tuple[tuple[str, str], T]]:
        """As it is now, for `collect`, which is asked at each scrape from another thread."""
        return list(self._pools.items())


class PoolState(NamedTuple):
    """A pool after a pass. `next_rotation`: when an ordinary one is due, as Unix time; `keys`: the states of its
    ledger's keys; `leaks`: of keys that are reported compromised and not proven dead, and `leaks_since` when the first
    was reported."""

    ready: bool
    next_rotation: float | None
    keys: tuple[KeyState, ...]
    leaks: int = 0
    leaks_since: float = 0.0


class PoolSeries(ByPool[PoolState]):
    """Two series for each pool, two more while a leak is not contained, and one for each state that a key can be in."""

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        ready = GaugeMetricFamily("keypool_pool_ready", "1 when the pool's Ready condition is True.", labels=POOL)
        rotation = GaugeMetricFamily(
            "keypool_next_rotation_timestamp_seconds",
            "When the pool's next ordinary rotation is due, as Unix time.",
            labels=POOL,
        )
        leaks = GaugeMetricFamily(
            "keypool_pool_leaks_uncontained",
            "Keys, or reports, of a leak that is not contained. Only while there are any.",
            labels=POOL,
        )
        since = GaugeMetricFamily(
            "keypool_pool_leaks_uncontained_since_timestamp_seconds",
            "Since when the first of them is reported, as Unix time.",
            labels=POOL,
        )
        keys = GaugeMetricFamily("keypool_keys", "Keys in all ledgers by state.", labels=("state",))
        counts = Counter[KeyState]()
        for pool, state in self.known():
            counts.update(state.keys)
            ready.add_metric(pool, state.ready)
            if state.next_rotation is not None:
                rotation.add_metric(pool, state.next_rotation)
            if state.leaks:
                leaks.add_metric(pool, state.leaks)
                since.add_metric(pool, state.leaks_since)
        for each in KeyState:
            keys.add_metric((each.value,), counts[each])
        yield from (ready, rotation, leaks, since, keys)
