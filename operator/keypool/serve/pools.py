"""How pools stand, as series for Prometheus. They are made at each scrape: a gauge for each pool takes a kilobyte."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from keypool.core.lifecycle import KeyState

POOL = ("namespace", "pool")


class PoolState(NamedTuple):
    """A pool after a pass. `next_rotation`: when an ordinary one is due, as Unix time; `keys`: the states of its
    ledger's keys."""

    ready: bool
    next_rotation: float | None
    keys: tuple[KeyState, ...]


class PoolSeries(Collector):
    """Two series for each pool while there is one, and one for each state that a key can be in."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str], PoolState] = {}

    def note(self, namespace: str, pool: str, state: PoolState | None) -> None:
        """How a pool stands; None when it is gone."""
        if state is None:
            self._pools.pop((namespace, pool), None)
        else:
            self._pools[namespace, pool] = state

    def collect(self) -> Iterator[Metric]:
        """Asked at each scrape, from another thread."""
        ready = GaugeMetricFamily("keypool_pool_ready", "1 when the pool's Ready condition is True.", labels=POOL)
        rotation = GaugeMetricFamily(
            "keypool_next_rotation_timestamp_seconds",
            "When the pool's next ordinary rotation is due, as Unix time.",
            labels=POOL,
        )
        keys = GaugeMetricFamily("keypool_keys", "Keys in all ledgers by state.", labels=("state",))
        counts = Counter[KeyState]()
        for pool, state in list(self._pools.items()):
            counts.update(state.keys)
            ready.add_metric(pool, state.ready)
            if state.next_rotation is not None:
                rotation.add_metric(pool, state.next_rotation)
        for each in KeyState:
            keys.add_metric((each.value,), counts[each])
        yield from (ready, rotation, keys)
