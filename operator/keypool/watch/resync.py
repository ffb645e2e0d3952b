"""Finds what a watch missed: lists everything now and then and compares it with the cache.

Kopf lists again after a gap but never compares, so an object that was deleted meanwhile gives no event there.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, cast

from keypool.cluster import paths
from keypool.cluster.cache import Kind, ObjectCache, followed
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Expired, Forbidden, KubeError, NotFound
from keypool.cluster.store import Entry
from keypool.serve.logs import describe
from keypool.watch.kopf_watch import PUBLISHED
from keypool.watch.liveness import Liveness
from keypool.watch.middleware import REFUSED
from keypool.watch.taking import OnTouch

UNSEEN = 60.0
"""Seconds between two comparisons at most while something is not in sight yet."""
_ATTEMPTS = 3
_PATHS: Mapping[Kind, Callable[[str | None], str]] = {
    Kind.POOL: paths.pools,
    Kind.PROVIDER: paths.providers,
    Kind.CLUSTER_PROVIDER: lambda _: paths.cluster_providers(),
    Kind.SECRET: paths.secrets,
    Kind.HOLDER: paths.holders,
}

_log = logging.getLogger(__name__)


class Resync:
    """No namespaces: the whole cluster. `every` is in seconds."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        on_touch: OnTouch,
        *,
        namespaces: tuple[str, ...] = (),
        every: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        liveness: Liveness | None = None,
    ) -> None:
        self._client, self._cache, self._on_touch = client, cache, on_touch
        self._kinds, self._namespaces = followed(namespaces), (*namespaces,) or (None,)
        self._every, self._clock = every, clock
        self._liveness = liveness or Liveness(namespaces)
        self._finished: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the last complete comparison, None before the first."""
        return None if self._finished is None else self._clock() - self._finished

    async def run(self) -> None:
        """Compare again and again until cancelled; the first time after one interval, or sooner while a watch does not
        tell."""
        while True:
            due = self._clock() + self._every * random.uniform(0.9, 1.1)  # noqa: S311 - replicas and kinds spread out
            while (left := due - self._clock()) > 0:
                await asyncio.sleep(min(left, UNSEEN))
                if self._liveness.complaints():
                    break
            try:
                await self.once()
            except KubeError as error:
                _log.warning("resync failed", extra={"error": describe(error)})

    async def once(self) -> int:
        """Bring the cache up to date; returns how many objects had been missed. What fails, or is refused, keeps
        nothing else from being compared. Raises the first KubeError at the end."""
        missed, done, failed = 0, 0, list[KubeError]()
        for kind, namespace in product(self._kinds, self._namespaces):
            try:
                missed += await self._compare(kind, namespace)
                self._liveness.listed(kind, namespace)
                done += 1
            except NotFound:
                continue  # the kind is not installed, which the watches tell
            except Forbidden:
                self._liveness.refuse(kind, namespace, REFUSED)
            except KubeError as error:
                failed.append(error)
        if missed:
            _log.info("resync found news", extra={"objects": missed})
        if failed:
            raise failed[0]
        if done:
            self._finished = self._clock()
        return missed

    async def _compare(self, kind: Kind, namespace: str | None) -> int:
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(Expired):
                return await self._compare_once(kind, namespace)
        return await self._compare_once(kind, namespace)

    async def _compare_once(self, kind: Kind, namespace: str | None) -> int:
        known_before = self._cache.store(kind).newest()
        missed, present, version = 0, set[str](), 0

        def kept(item: dict[str, Any]) -> Entry[Any] | None:
            present.add(item["metadata"]["uid"])
            return self._cache.seen(kind, item)

        selector = PUBLISHED if kind is Kind.SECRET else ""
        async with contextlib.aclosing(self._client.pages(_PATHS[kind](namespace), kept, selector)) as pages:
            async for page in pages:
                if (version := page.version) < known_before:
                    _log.error("the API server's history was set back; forgetting what was known", extra={"kind": kind})
                    self._cache.clear(kind)
                    break
                missed += sum(self._take(kind, entry) for entry in page.items)
        if version < known_before:
            return await self._compare_once(kind, namespace)
        return missed + sum(
            self._drop(kind, entry, version) for entry in self._vanished(kind, namespace, present, version)
        )

    def _take(self, kind: Kind, entry: Entry[Any]) -> bool:
        news = self._cache.put(kind, entry)
        if news:
            self._on_touch(kind, _object(kind, entry))
        return news

    def _vanished(self, kind: Kind, namespace: str | None, present: set[str], version: int) -> list[Entry[Any]]:
        """What the cache knows, the list does not show, and is no newer than the list."""
        return [
            entry
            for entry in self._cache.store(kind)
            if namespace in (None, entry.namespace) and entry.uid not in present and entry.version <= version
        ]

    def _drop(self, kind: Kind, entry: Entry[Any], version: int) -> bool:
        removed = self._cache.remove_uid(kind, entry.uid, version)
        if removed:
            self._on_touch(kind, _object(kind, entry))
        return removed


def _object(kind: Kind, entry: Entry[Any]) -> Mapping[str, Any]:
    """As far as it says whom it concerns."""
    if kind not in (Kind.SECRET, Kind.HOLDER):
        return cast("dict[str, Any]", entry.value)
    return {"metadata": {"namespace": entry.namespace, "name": entry.name, "uid": entry.uid}}
