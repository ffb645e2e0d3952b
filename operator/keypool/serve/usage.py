"""What pools and keys were used for, as series for Prometheus."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice

from keypool.core.limits import Usage
from keypool.serve.by_pool import POOL, ByPool, Column, Pool
from keypool.serve.families import Row

KEY = (*POOL, "key")
MOST_KEYS = 5000
"""Keys of one namespace that have series."""


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """`total` since the pool exists, across rotations; by key since the key was made; `fraction` of the spending limit
    that is used up, None where there is no limit."""

    total: Usage
    keys: Mapping[str, Usage]
    fraction: Decimal | None


def _spend(used: Usage) -> float | None:
    return float(used.spend) if used.spend is not None else None


def _last_used(used: Usage) -> float | None:
    return used.last_used_at.timestamp() if used.last_used_at is not None else None


def _of_pool(value_of: Callable[[PoolUsage], float | None]) -> Callable[[Pool, PoolUsage], list[Row]]:
    def rows_of(pool: Pool, usage: PoolUsage) -> list[Row]:
        return [(pool, value)] if (value := value_of(usage)) is not None else []

    return rows_of


def _of_keys(value_of: Callable[[Usage], float | None]) -> Callable[[Pool, PoolUsage], list[Row]]:
    def rows_of(pool: Pool, usage: PoolUsage) -> list[Row]:
        found = [((*pool, name), value_of(used)) for name, used in usage.keys.items()]
        return [(labels, value) for labels, value in found if value is not None]

    return rows_of


_COLUMNS: tuple[Column[PoolUsage], ...] = (
    Column(
        "keypool_pool_spend_usd",
        "US dollars spent since the pool exists.",
        _of_pool(lambda usage: _spend(usage.total)),
        kind="counter",
    ),
    Column(
        "keypool_pool_requests",
        "Requests made since the pool exists.",
        _of_pool(lambda usage: usage.total.requests),
        kind="counter",
    ),
    Column(
        "keypool_spend_limit_fraction",
        "Part of the spending limit that is used up in its period.",
        _of_pool(lambda usage: float(usage.fraction) if usage.fraction is not None else None),
    ),
    Column(
        "keypool_key_spend_usd",
        "US dollars that a key spent since it was made.",
        _of_keys(_spend),
        KEY,
        "counter",
    ),
    Column(
        "keypool_key_requests",
        "Requests that a key made since it was made.",
        _of_keys(lambda used: used.requests),
        KEY,
        "counter",
    ),
    Column(
        "keypool_key_last_used_timestamp_seconds",
        "When a key was used last, as Unix time.",
        _of_keys(_last_used),
        KEY,
    ),
)


class UsageSeries(ByPool[PoolUsage]):
    """Series of each pool, and of each key that is in use."""

    @property
    def columns(self) -> tuple[Column[PoolUsage], ...]:
        """One for each metric."""
        return _COLUMNS

    def shown(self) -> list[tuple[Pool, PoolUsage]]:
        """With so many keys of each namespace at most."""
        counts = Counter[str]()
        return [(pool, _with_room(usage, pool[0], counts)) for pool, usage in super().shown()]

    def keys_left_out(self) -> Counter[str]:
        """How many keys of each namespace have no series."""
        counts = Counter[str]()
        for (namespace, _), usage in self.known():
            counts[namespace] += len(usage.keys)
        return Counter({namespace: count - MOST_KEYS for namespace, count in counts.items() if count > MOST_KEYS})


def _with_room(usage: PoolUsage, namespace: str, counts: Counter[str]) -> PoolUsage:
    left = MOST_KEYS - counts[namespace]
    counts[namespace] += min(len(usage.keys), left)
    return usage if len(usage.keys) <= left else replace(usage, keys=dict(islice(usage.keys.items(), left)))
