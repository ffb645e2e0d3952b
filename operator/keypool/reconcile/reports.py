"""What relays report of keys: heard once for each pod and key, and only of pods that are there. See `core.holders`.

Kept in memory: after a restart the holders are read again, and what they say costs a probe again.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.errors import Forbidden, KubeError, NotFound
from keypool.cluster.store import Entry
from keypool.core.holders import HolderView, pod_counts
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked

MOST_LOOKS, EVERY = 16, 1.0
"""Pods that are looked up for one pool at a time, and seconds between two times."""
MOST_PODS = 5_000
"""Whose reports on one key are heard: of more, none counts."""

PodOf = Callable[[str, str], Awaitable[Mapping[str, Any]]]
"""The pod of a namespace and name, read live."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _OfPool:
    """`open`: keys that are asked about because of a report, since when. `heard`: UIDs of the pods whose report on a
    key counted, or was found to count for nothing. `looked`: when pods were looked up last."""

    open: dict[str, datetime] = field(default_factory=dict)
    heard: dict[str, set[str]] = field(default_factory=dict)
    looked: float | None = None

    def is_news(self, key: str, pod: str) -> bool:
        """Not while the key is asked about anyway."""
        heard = self.heard.get(key, ())
        return key not in self.open and pod not in heard and len(heard) < MOST_PODS


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
        self._may_look = True

    def woken_by(self, holder_uid: str) -> list[str]:
        """UIDs of the pools that have to be looked at because of this holder; each once until it was."""
        entry = self._cache.holders.by_uid(holder_uid)
        found = {uid for uid, _ in self._news((entry,))} if entry is not None else set()
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

    async def look(self, ledger: Ledger) -> bool:
        """Looks up pods whose holders report keys of the pool; True where more of them wait, for a second."""
        uid = ledger.pool_uid
        self._woken.discard(uid)
        self._keep(ledger)
        waiting = self._waiting(ledger)
        if not waiting:
            return False
        mine, now = self._pools.setdefault(uid, _OfPool()), self._monotonic()
        if mine.looked is None or now - mine.looked >= EVERY:
            mine.looked = now
            for key, holder in waiting[:MOST_LOOKS]:
                if mine.is_news(key, holder.value.pod) and not await self._hear(mine, key, holder):
                    break
        more = bool(self._waiting(ledger))
        self._woken |= {uid} if more else set()
        return more

    def settle(self, ledger: Ledger, checks: Mapping[str, Checked]) -> None:
        """A good answer is one to all who reported the key until then."""
        mine = self._pools.get(ledger.pool_uid)
        for key, since in tuple(mine.open.items()) if mine is not None else ():
            check = checks.get(key)
            if mine is None or check is None or not check.accepted or check.at < since:
                continue
            del mine.open[key]
            reporting = self._cache.holders.reporting(ledger.namespace, ledger.pool)
            mine.heard[key] |= {each.value.pod for each in reporting if (ledger.pool, key) in each.value.rejected}

    async def _hear(self, mine: _OfPool, key: str, holder: Entry[HolderView]) -> bool:
        """False where the API server does not answer: it is asked again."""
        try:
            counts = pod_counts(await self._pod_of(holder.namespace, holder.name), holder.value.pod)
        except NotFound:
            counts = False
        except Forbidden:
            counts = False
            if self._may_look:
                _log.warning("no right to get pods: reports of relays that keys are rejected count for nothing")
            self._may_look = False
        except KubeError:
            return False
        mine.heard.setdefault(key, set()).add(holder.value.pod)
        self._counted(counts)
        if counts:
            mine.open[key] = self._now()
        return True

    def _waiting(self, ledger: Ledger) -> list[tuple[str, Entry[HolderView]]]:
        """Reports that are news: the first on each key before others."""
        turns: dict[str, int] = {}
        found: list[tuple[int, str, Entry[HolderView]]] = []
        for holder in self._cache.holders.reporting(ledger.namespace, ledger.pool):
            for uid, key in self._news((holder,)):
                if uid == ledger.pool_uid:
                    turns[key] = turns.get(key, 0) + 1
                    found.append((turns[key], key, holder))
        return [(key, holder) for _, key, holder in sorted(found, key=lambda each: each[0])]

    def _news(self, holders: Iterable[Entry[HolderView]]) -> set[tuple[str, str]]:
        """Pools and keys of which something is reported that counts, if the pod is there: keys that are published."""
        found = set[tuple[str, str]]()
        for holder in holders:
            for name, key in holder.value.rejected:
                pool = self._cache.store(Kind.POOL).by_name(holder.namespace, name)
                ledger = self._ledger_of(pool.uid) if pool is not None else None
                record = ledger.key(key) if ledger is not None else None
                if pool is None or record is None or record.state is not KeyState.ACTIVE:
                    continue
                if self._pools.get(pool.uid, _OfPool()).is_news(key, holder.value.pod):
                    found.add((pool.uid, key))
        return found

    def _keep(self, ledger: Ledger) -> None:
        """What is remembered of keys that went is forgotten."""
        if (mine := self._pools.get(ledger.pool_uid)) is None:
            return
        known = {key.name: key.state is KeyState.ACTIVE for key in ledger.keys}
        mine.open = {key: since for key, since in mine.open.items() if known.get(key)}
        mine.heard = {key: pods for key, pods in mine.heard.items() if key in known}
