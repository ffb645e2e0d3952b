"""Counts the keys that people had made of late in each namespace, against what those of its pools ask for that get any.

What is called a namespace here is one, or one and a ClusterKeyProvider: see `place_of`."""

from collections import OrderedDict, deque
from collections.abc import Callable, Set
from datetime import datetime, timedelta

from keypool.cluster.cache import ObjectCache
from keypool.core.ledger import Ledger
from keypool.core.limits import Identity
from keypool.core.observation import PoolFacts, Problem, ProviderFacts
from keypool.core.pace import COUNTED, FLOOR, FREE, TIMES, WINDOW
from keypool.core.reasons import Reason


class Pace:
    """`now`: the clock; `floor`: between two keys that are made on request for one slot."""

    def __init__(self, cache: ObjectCache, now: Callable[[], datetime], floor: timedelta = FLOOR) -> None:
        self._cache, self._now, self.floor = cache, now, floor
        self._made: OrderedDict[str, deque[datetime]] = OrderedDict()

    def made(self, namespace: str, why: str) -> None:
        """A key was made for a pool there. What leaks, expires or is due by its interval does not count."""
        if why not in COUNTED:
            return
        self._made.setdefault(namespace, deque()).append(self._now())
        self._made.move_to_end(namespace)
        self._forget()

    def room(self, namespace: str) -> int:
        """How many keys people may have made there now."""
        made, oldest = self._made.get(namespace, deque()), self._now() - WINDOW
        while made and made[0] <= oldest:
            made.popleft()
        return max(TIMES * self._cache.sizes.of(namespace) + FREE - len(made), 0)

    def known(self) -> Set[str]:
        """Namespaces of which something is remembered."""
        return self._made.keys()

    def _forget(self) -> None:
        """The namespaces whose last key is long ago, also those that nobody asks about any more."""
        oldest = self._now() - WINDOW
        for namespace, made in tuple(self._made.items()):
            if made and made[-1] > oldest:
                return
            del self._made[namespace]


def place_of(pool: PoolFacts | None, ledger: Ledger, provider: ProviderFacts | None) -> str:
    """Where a pool's keys count. A namespace may have any number of providers of its own: their pools count together,
    and give it no room in an account that it shares."""
    is_wide = pool is not None and pool.spec is not None and pool.spec.provider_ref.kind == "ClusterKeyProvider"
    return f"{ledger.namespace}/{provider.uid}" if is_wide and provider is not None else ledger.namespace


def asked_of(pool: PoolFacts, provider: ProviderFacts | None, granted: Identity | Problem) -> int | None:
    """How many keys the pool asks for, and gets; None where it is not known now."""
    if isinstance(granted, Problem) and granted.reason is Reason.CLUSTER_UNAVAILABLE:
        return None
    if isinstance(granted, Problem) or provider is None or not provider.capabilities.creates_keys:
        return 0
    return pool.spec.size if pool.spec is not None and not pool.spec.suspend else 0
