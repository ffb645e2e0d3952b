"""How pools stand, as series for Prometheus."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from keypool.core.lifecycle import KeyState
from keypool.serve.by_pool import POOL, ByPool, Column, Pool, gauge
from keypool.serve.families import Family, Row


class PoolState(NamedTuple):
    """A pool after a pass; times as Unix time. `next_rotation`: when it is due, None also while it is late; `late`: the
    slot of a rotation that should be done by now, and since when; `keys`: the states of its ledger's keys;
    `leaks`: of keys that are reported compromised and not proven dead, and `leaks_since` when the first was reported;
    `unknown`: all that is not contained is a report that names no key;
    `conditions`: type, status and reason of those that are not as they should be, and `waits_for` who has to act
    (`core.who`); `good_probe`: since when each key in the Secret was accepted again; `expiry`: when the first key of
    the Secret expires, and `renewal` when it is to be replaced therefore."""

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
    expiry: float | None = None
    renewal: float | None = None
    waits_for: str = ""
    unknown: bool = False


_GAUGES: tuple[tuple[str, str, Callable[[PoolState], float | None]], ...] = (
    ("keypool_pool_ready", "1 when the pool's Ready condition is True.", lambda pool: pool.ready),
    ("keypool_pool_keys_published", "Keys that the pool's Secrets hold.", lambda pool: pool.published),
    ("keypool_pool_keys_wanted", "Keys that the pool's spec asks for.", lambda pool: pool.wanted),
    (
        "keypool_pool_earliest_expiry_timestamp_seconds",
        "When the first of the keys in the pool's Secret expires, as Unix time. Absent where none is known to expire.",
        lambda pool: pool.expiry,
    ),
    (
        "keypool_pool_renewal_due_timestamp_seconds",
        "From when on that key is to be replaced because it expires, as Unix time.",
        lambda pool: pool.renewal,
    ),
    (
        "keypool_next_rotation_timestamp_seconds",
        "When the pool's next rotation begins, as Unix time. Absent while one is due, under way or late.",
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
        "keypool_pool_leak_report_unknown",
        "1 while all that is not contained is a report that names no key of the pool: whoever wrote it has to mend it.",
        lambda pool: pool.unknown or None,
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


def _conditions(pool: Pool, state: PoolState) -> list[Row]:
    return [((*pool, *condition), 1) for condition in state.conditions]


def _waits_for(pool: Pool, state: PoolState) -> list[Row]:
    return [((*pool, state.waits_for), 1)] if state.waits_for else []


def _unusual_keys(pool: Pool, state: PoolState) -> list[Row]:
    if all(each is KeyState.ACTIVE for each in state.keys):  # as of nearly all pools
        return []
    counts = Counter(each.value for each in state.keys if each is not KeyState.ACTIVE)
    return [((*pool, each), count) for each, count in counts.items()]


_COLUMNS: tuple[Column[PoolState], ...] = (
    *(gauge(*each) for each in _GAUGES),
    Column(
        "keypool_pool_condition",
        "1 for each condition of a pool that is not as it should be: Stalled and Reconciling while they are there, the "
        "others while they are not True. What is as it should be has no series.",
        _conditions,
        (*POOL, "condition", "status", "reason"),
    ),
    Column(
        "keypool_pool_waits_for",
        "1 while a condition of a pool is not as it should be, or it is suspended; who has to act: owner (of the "
        "pool), platform, provider, or nobody, where it passes by itself.",
        _waits_for,
        (*POOL, "who"),
    ),
    Column(
        "keypool_pool_keys",
        "Keys of a pool by state, but for the active ones: those are keypool_pool_keys_published. No series for none.",
        _unusual_keys,
        (*POOL, "state"),
    ),
)


class PoolSeries(ByPool[PoolState]):
    """A few series for each pool, one for each of its conditions that is not as it should be, and for each state of a
    key that is no usual one. A pool at rest has no series of these: of ten thousand pools that keeps a scrape small.
    """

    @property
    def columns(self) -> tuple[Column[PoolState], ...]:
        """One for each metric."""
        return _COLUMNS

    def comes_first(self, known: PoolState) -> bool:
        """Of leaks, and of what is not as it should be."""
        return bool(known.leaks or known.conditions)

    def sums(self) -> Iterator[Family]:
        """Also of pools that have no series."""
        counts = Counter[KeyState]()
        for _, state in self.known():
            counts.update(state.keys)
        rows: list[Row] = [((each.value,), counts[each]) for each in KeyState]
        yield Family("keypool_keys", "Keys in all ledgers of pools that exist, by state.", ("state",), rows)
