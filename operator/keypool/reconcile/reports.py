"""What relays report of keys: heard once, and only of pods that are there. See `core.holders`.

A pod is looked up only where its report would have a key asked about, a bounded number of them and for a bounded time;
one key of a pool a second becomes open, that is, asked about. Kept in memory: after a restart the holders are read
again, and what they say costs a probe again.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nlargest
from itertools import zip_longest
from typing import Any, NamedTuple

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.errors import Forbidden, KubeError, NotFound
from keypool.cluster.store import Entry
from keypool.core.holders import HolderView, Rejection, pod_counts
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked
from keypool.errand import ERRAND, waiting_for_others

MOST_LOOKS, EVERY = 16, 1.0
"""Pods that are looked up for one namespace at a time, and seconds between two times for a pool."""
PATIENCE = 1.0
"""Seconds that a pass waits for these looks at most."""
SOON, SELDOM = 0.05, 10.0
"""Seconds: until a key that became open is asked about where the pass is over, and until all holders that report
something are gone through again although none of them was news."""
CROWD = 600
"""For each so many holders that report a pool, a second passes before they are gone through again."""
AGAIN = 60.0
"""Seconds after which another report of the same pod on the same key is heard: a relay has none sooner."""
MOST_PODS = 5_000
"""Whose reports on one key are heard: of more, none counts."""

PodOf = Callable[[str, str], Awaitable[Mapping[str, Any]]]
"""The pod of a namespace and name, read live."""
_log = logging.getLogger(__name__)


class _Heard(NamedTuple):
    """The report of a pod that counted, was answered, or was found to count for nothing; and when."""

    moment: str
    at: float


_NOBODY: Mapping[str, _Heard] = {}


class _Told(NamedTuple):
    """A report, with the pool that it is about, and the UID of the pod that it comes from."""

    pool_uid: str
    key: str
    moment: str
    pod: str
    holder: Entry[HolderView]


@dataclass(slots=True)
class _OfPool:
    """`open`: keys that are asked about because of a report, since when; `opened`: when each became so last. `heard`:
    by key and UID of the pod. `looked`: when pods were looked up last; `scanned`: when holders were gone through, and
    `crowd`: how many these were."""

    open: dict[str, datetime] = field(default_factory=dict)
    opened: dict[str, float] = field(default_factory=dict)
    heard: dict[str, dict[str, _Heard]] = field(default_factory=dict)
    looked: float | None = None
    scanned: float | None = None
    crowd: int = 0

    def rest(self, now: float) -> float:
        """Seconds until it may be looked into again."""
        looked = self.looked + EVERY - now if self.looked is not None else 0.0
        return max(looked, self.scanned + self.crowd // CROWD - now if self.scanned is not None else 0.0)

    def is_news(self, told: _Told, now: float) -> bool:
        """Not while the key is asked about anyway."""
        if told.key in self.open:
            return False
        heard = self.heard.get(told.key, _NOBODY)
        if (before := heard.get(told.pod)) is None:
            return len(heard) < MOST_PODS
        return before.moment != told.moment and now - before.at >= AGAIN

    def note(self, told: _Told, now: float) -> None:
        """It does not count again."""
        self.heard.setdefault(told.key, {})[told.pod] = _Heard(told.moment, now)


class Reports:
    """`now` is the clock that decides about keys, `monotonic` counts seconds; `counted` is told whether a report that
    was looked into counts."""

    def __init__(
        self,
        cache: ObjectCache,
        pod_of: PodOf,
        ledger_of: Callable[[str], Ledger | None],
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        counted: Callable[[bool], None],
    ) -> None:
        self._cache, self._pod_of, self._ledger_of = cache, pod_of, ledger_of
        self._now, self._monotonic, self._counted = now, monotonic, counted
        self._pools: dict[str, _OfPool] = {}
        self._woken: set[str] = set()
        self._looks, self._second = Counter[str](), float("-inf")
        self._may_look = True

    def woken_by(self, holder_uid: str) -> list[str]:
        """UIDs of the pools that have to be looked at because of this holder; each once until it was."""
        entry, now = self._cache.holders.by_uid(holder_uid), self._monotonic()
        found = (
            {told.pool_uid for told in self._told(entry) if self._is_news(told, now)} if entry is not None else set()
        )
        woken = sorted(found - self._woken)
        self._woken.update(woken)
        return woken

    def open(self, pool_uid: str) -> dict[str, datetime]:
        """The pool's keys that are asked about because of a report, since when."""
        found = self._pools.get(pool_uid)
        return dict(found.open) if found is not None else {}

    def forget(self, pool_uid: str) -> None:
        """The pool is gone."""
        self._pools.pop(pool_uid, None)
        self._woken.discard(pool_uid)

    async def around(
        self, ledger: Ledger, checks: Mapping[str, Checked], passes: Callable[[], Awaitable[float | None]]
    ) -> float | None:
        """The passes over a pool, after what is reported of it was looked into; `checks` are what they learn. The
        answer to a leak waits for nobody's pod: there, the looks come after it."""
        errand = ERRAND.get()
        late = errand is not None and errand.urgent
        again = None if late else await self.look(ledger)
        pause = await passes()
        self.settle(ledger, checks)
        again = await self.look(ledger) if late else again
        return min((each for each in (pause, again) if each is not None), default=None)

    async def look(self, ledger: Ledger) -> float | None:
        """Looks up pods whose holders report keys of the pool, until one counts. Seconds until the next pass, None
        where nothing waits."""
        uid, now = ledger.pool_uid, self._monotonic()
        self._keep(ledger)
        if not self._is_due(uid, now):
            return None
        mine = self._pools.get(uid)
        if mine is not None and (rest := mine.rest(now)) > 0:
            return max(EVERY, rest)
        waiting = self._waiting(ledger, now)
        if not waiting:
            self._woken.discard(uid)
            return None
        self._woken.add(uid)
        mine = self._pools[uid]
        mine.looked = now
        return SOON if await self._look(mine, waiting) else EVERY

    def settle(self, ledger: Ledger, checks: Mapping[str, Checked]) -> None:
        """A good answer is one to all who reported the key until then."""
        mine, now = self._pools.get(ledger.pool_uid), self._monotonic()
        if mine is None:
            return
        good = {key for key, since in mine.open.items() if _is_good(checks.get(key), since)}
        mine.open = {key: since for key, since in mine.open.items() if key not in good}
        for told in self._reporting(ledger) if good else ():
            if told.key in good:
                mine.note(told, now)

    def _is_due(self, uid: str, now: float) -> bool:
        mine = self._pools.get(uid)
        return uid in self._woken or mine is None or mine.scanned is None or now - mine.scanned >= SELDOM

    async def _look(self, mine: _OfPool, waiting: list[_Told]) -> bool:
        """Whether a key became open. One after another: of an honest relay the first look is enough."""
        try:
            with waiting_for_others():
                async with asyncio.timeout(PATIENCE):
                    for told in waiting:
                        if not self._may_ask(told.holder.namespace):
                            return False
                        if (counts := await self._hear(mine, told)) is not False:
                            return counts is True
        except TimeoutError:
            _log.debug("the API server was slow to tell about pods")
        return False

    def _may_ask(self, namespace: str) -> bool:
        now = self._monotonic()
        if now - self._second >= EVERY:
            self._looks.clear()
            self._second = now
        self._looks[namespace] += 1
        return self._looks[namespace] <= MOST_LOOKS

    async def _hear(self, mine: _OfPool, told: _Told) -> bool | None:
        """Whether it counts; None where the API server does not answer: it is asked again."""
        try:
            counts = pod_counts(await self._pod_of(told.holder.namespace, told.holder.name), told.pod)
        except NotFound:
            counts = False
        except Forbidden:
            counts, told = False, told._replace(moment="")  # heard again in a while: the right may come
            if self._may_look:
                _log.warning("no right to get pods: reports of relays that keys are rejected count for nothing")
            self._may_look = False
        except KubeError:
            return None
        now = self._monotonic()
        mine.note(told, now)
        self._counted(counts)
        if counts:
            mine.open[told.key], mine.opened[told.key] = self._now(), now
        return counts

    def _waiting(self, ledger: Ledger, now: float) -> list[_Told]:
        """Reports that are news. Keys take turns, that which was open last comes last; of one key the newest report
        comes first: its pod is there most likely."""
        found, mine = defaultdict[str, list[_Told]](list), self._pools.get(ledger.pool_uid) or _OfPool()
        heard = defaultdict[str, dict[str, _Heard]](dict)
        for told in self._reporting(ledger):
            if (before := mine.heard.get(told.key, _NOBODY).get(told.pod)) is not None:
                heard[told.key][told.pod] = before
            if mine.is_news(told, now):
                found[told.key].append(told)
        if found or ledger.pool_uid in self._pools:
            self._scanned(ledger, heard, now)
        keys = sorted(found, key=lambda key: (mine.opened.get(key, float("-inf")), key))
        newest = (nlargest(MOST_LOOKS, found[key], key=lambda told: told.holder.version) for key in keys)
        return [told for row in zip_longest(*newest) for told in row if told is not None]

    def _scanned(self, ledger: Ledger, heard: Mapping[str, dict[str, _Heard]], now: float) -> None:
        """Who reports a key no more is forgotten, after a while; `heard` are the others."""
        mine = self._pools.setdefault(ledger.pool_uid, _OfPool())
        mine.scanned, mine.crowd = now, self._cache.holders.count_reporting(ledger.namespace, ledger.pool)
        for key, pods in mine.heard.items():
            lately = {pod: each for pod, each in pods.items() if now - each.at < AGAIN}
            mine.heard[key] = {**heard.get(key, _NOBODY), **lately}

    def _reporting(self, ledger: Ledger) -> Iterator[_Told]:
        """What is said of its published keys. There may be thousands: nothing is looked up for each."""
        uid, name = ledger.pool_uid, ledger.pool
        pool = self._cache.store(Kind.POOL).by_name(ledger.namespace, name)
        if pool is None or pool.uid != uid:
            return
        published = {key.name for key in ledger.inside(KeyState.ACTIVE)}
        for holder in self._cache.holders.reporting(ledger.namespace, name):
            for told_of, key, moment in holder.value.rejected:
                if told_of == name and key in published:
                    yield _Told(uid, key, moment, holder.value.pod, holder)

    def _told(self, holder: Entry[HolderView]) -> Iterator[_Told]:
        """What it says of pools that there are."""
        for rejection in holder.value.rejected:
            pool = self._cache.store(Kind.POOL).by_name(holder.namespace, rejection.pool)
            if pool is not None and self._is_published(pool.uid, rejection):
                yield _Told(pool.uid, rejection.key, rejection.moment, holder.value.pod, holder)

    def _is_published(self, uid: str, rejection: Rejection) -> bool:
        ledger = self._ledger_of(uid)
        record = ledger.key(rejection.key) if ledger is not None else None
        return record is not None and record.state is KeyState.ACTIVE

    def _is_news(self, told: _Told, now: float) -> bool:
        mine = self._pools.get(told.pool_uid)
        return mine is None or mine.is_news(told, now)

    def _keep(self, ledger: Ledger) -> None:
        """What is remembered of keys that went is forgotten."""
        if (mine := self._pools.get(ledger.pool_uid)) is None:
            return
        known = {key.name: key.state is KeyState.ACTIVE for key in ledger.keys}
        mine.open = {key: since for key, since in mine.open.items() if known.get(key)}
        mine.opened = {key: at for key, at in mine.opened.items() if key in known}
        mine.heard = {key: pods for key, pods in mine.heard.items() if key in known}


def _is_good(check: Checked | None, since: datetime) -> bool:
    return check is not None and check.accepted and check.begun >= since
