"""What pools and keys were used for, as series for Prometheus."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from keypool.core.limits import Usage
from keypool.serve.families import Family, Row
from keypool.serve.pools import POOL, ByPool

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


Known = list[tuple[tuple[str, str], PoolUsage]]


class UsageSeries(ByPool[PoolUsage]):
    """Series of each pool, and of each key that is in use."""

    def families(self) -> Iterator[Family]:
        """All of them."""
        shown = self.shown()
        yield from _pool_series(shown)
        yield from _key_series(shown)

    def keys_left_out(self) -> Counter[str]:
        """How many keys of each namespace have no series."""
        counts = Counter[str]()
        for (namespace, _), usage in self.known():
            counts[namespace] += len(usage.keys)
        return Counter({namespace: count - MOST_KEYS for namespace, count in counts.items() if count > MOST_KEYS})


def _pool_series(known: Known) -> Iterator[Family]:
    spend, requests, used = list[Row](), list[Row](), list[Row]()
    for pool, usage in known:
        if usage.total.spend is not None:
            spend.append((pool, float(usage.total.spend)))
        if usage.total.requests is not None:
            requests.append((pool, usage.total.requests))
        if usage.fraction is not None:
            used.append((pool, float(usage.fraction)))
    yield Family("keypool_pool_spend_usd", "US dollars spent since the pool exists.", POOL, spend, "counter")
    yield Family("keypool_pool_requests", "Requests made since the pool exists.", POOL, requests, "counter")
    yield Family(
        "keypool_spend_limit_fraction", "Part of the spending limit that is used up in its period.", POOL, used
    )


def _key_series(known: Known) -> Iterator[Family]:
    spend, requests, last = list[Row](), list[Row](), list[Row]()
    shown = Counter[str]()
    for pool, usage in known:
        for name, key in islice(usage.keys.items(), MOST_KEYS - shown[pool[0]]):
            shown[pool[0]] += 1
            if key.spend is not None:
                spend.append(((*pool, name), float(key.spend)))
            if key.requests is not None:
                requests.append(((*pool, name), key.requests))
            if key.last_used_at is not None:
                last.append(((*pool, name), key.last_used_at.timestamp()))
    yield Family("keypool_key_spend_usd", "US dollars that a key spent since it was made.", KEY, spend, "counter")
    yield Family("keypool_key_requests", "Requests that a key made since it was made.", KEY, requests, "counter")
    yield Family("keypool_key_last_used_timestamp_seconds", "When a key was used last, as Unix time.", KEY, last)
