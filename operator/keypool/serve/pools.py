"""How pools stand, as series for Prometheus. They are made at each scrape: a gauge for each pool takes a kilobyte."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from keypool.core.lifecycle import KeyState

POOL = ("namespace", "pool")


MOST = 2000
"""Pools of one namespace that have series: whoever makes more fills nobody's scrape."""
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

    def get(self, namespace: str, pool: str) -> T | None:
        """What is known of one pool."""
        return self._pools.get((namespace, pool))

    def known(self) -> list[tuple[tuple[str, str], T]]:
        """As it is now, for `collect`, which is asked at each scrape from another thread."""
        return list(self._pools.items())

    def shown(self, first: Callable[[T], bool] = lambda _: False) -> list[tuple[tuple[str, str], T]]:
        """Those that have series: so many of each namespace, and `first` those of which somebody has to know."""
        known = self.known()
        crowded = {namespace for namespace, count in Counter(pool[0] for pool, _ in known).items() if count > MOST}
        if not crowded:
            return known
        known.sort(key=lambda each: not first(each[1]))
        left = dict.fromkeys(crowded, MOST)
        return [each for each in known if each[0][0] not in crowded or _counted(left, each[0][0])]

    def left_out(self) -> Counter[str]:
        """How many pools of each namespace have no series."""
        counts = Counter(namespace for namespace, _ in tuple(self._pools))
        return Counter({namespace: count - MOST for namespace, count in counts.items() if count > MOST})


def _counted(left: dict[str, int], namespace: str) -> bool:
    left[namespace] -= 1
    return left[namespace] >= 0


class PoolState(NamedTuple):
    """A pool after a pass; times as Unix time. `next_rotation`: when it is due, also when that is over; `late`: the
    slot of a rotation that should be done by now, and since when; `keys`: the states of its ledger's keys;
    `leaks`: of keys that are reported compromised and not proven dead, and `leaks_since` when the first was reported;
    `conditions`: type, status and reason of those that are not as they should be; `good_probe`: since when each key in
    the Secret was accepted again."""

    ready: bool
    next_rotation: float | None
    keys: tuple[KeyState, ...]
    leaks: int = 0
    leaks_since: float = 0.0
    published: int = 0
    wanted: int = 0
    conditions: tuple[tuple[str, str, str], ...] = ()
    late: tuple[int, float] | None = None
    last_rotation: float | None = None
    good_probe: float | None = None


_GAUGES: tuple[tuple[str, str, Callable[[PoolState], float | None]], ...] = (
    ("keypool_pool_ready", "1 when the pool's Ready condition is True.", lambda pool: pool.ready),
    ("keypool_pool_keys_published", "Keys that the pool's Secrets hold.", lambda pool: pool.published),
    ("keypool_pool_keys_wanted", "Keys that the pool's spec asks for.", lambda pool: pool.wanted),
    (
        "keypool_next_rotation_timestamp_seconds",
        "When the pool's next rotation is due, as Unix time; in the past while it is overdue.",
        lambda pool: pool.next_rotation,
    ),
    (
        "keypool_rotation_late_since_timestamp_seconds",
        "Since when a rotation of the pool is due, or under way, and not done, as Unix time. Absent while none is.",
        lambda pool: pool.late[1] if pool.late is not None else None,
    ),
    (
        "keypool_pool_leaks_uncontained",
        "Keys, or reports, of a leak that is not contained. Only while there are any.",
        lambda pool: pool.leaks or None,
    ),
    (
        "keypool_pool_leaks_uncontained_since_timestamp_seconds",
        "Since when the first of them is reported, as Unix time.",
        lambda pool: pool.leaks_since if pool.leaks else None,
    ),
    (
        "keypool_last_rotation_timestamp_seconds",
        "When a key last took another one's place in the pool's Secret, as Unix time.",
        lambda pool: pool.last_rotation,
    ),
    (
        "keypool_last_good_probe_timestamp_seconds",
        "Since then the provider accepted every key of the pool's Secret once, as Unix time.",
        lambda pool: pool.good_probe,
    ),
)


class PoolSeries(ByPool[PoolState]):
    """A few series for each pool, one for each of its conditions that is not as it should be, and one for each state
    that a key can be in. A pool at rest has no series of a condition: of ten thousand pools that keeps a scrape small.
    """

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        shown = self.shown(lambda state: bool(state.leaks or state.conditions))
        for name, text, value_of in _GAUGES:
            gauge = GaugeMetricFamily(name, text, labels=POOL)
            for pool, state in shown:
                if (value := value_of(state)) is not None:
                    gauge.add_metric(pool, value)
            yield gauge
        yield _conditions(shown)
        yield _keys(self.known())


def _conditions(known: list[tuple[tuple[str, str], PoolState]]) -> Metric:
    gauge = GaugeMetricFamily(
        "keypool_pool_condition",
        "1 for each condition of a pool that is not as it should be: Stalled and Reconciling while they are there, the "
        "others while they are not True. What is as it should be has no series.",
        labels=(*POOL, "condition", "status", "reason"),
    )
    for pool, state in known:
        for condition in state.conditions:
            gauge.add_metric((*pool, *condition), 1)
    return gauge


def _keys(known: list[tuple[tuple[str, str], PoolState]]) -> Metric:
    gauge = GaugeMetricFamily("keypool_keys", "Keys in all ledgers by state.", labels=("state",))
    counts = Counter[KeyState]()
    for _, state in known:
        counts.update(state.keys)
    for each in KeyState:
        gauge.add_metric((each.value,), counts[each])
    return gauge
