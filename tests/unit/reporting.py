"""Holders as relays write them, without a cluster."""

import asyncio
from typing import Any

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.errors import NotFound
from keypool.core.ledger import Ledger
from keypool.core.observation import Checked
from keypool.reconcile.reports import Reports
from tests.unit.core.builders import NOW, SECOND, a_key, a_ledger

KEYS = (a_key(0, name="k0"), a_key(1, name="k1"))
Manifest = dict[str, Any]


MOMENT, LATER = "2026-11-24T09:00:00Z", "2026-11-24T09:07:00Z"


def holder(
    pod: str, *rejected: str, pool: str = "web", namespace: str = "shop", moment: str = MOMENT, **meta: Any
) -> Manifest:
    """As the API server sends it."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": f"uid-{pod}"}
    known = {"namespace": namespace, "name": pod, "uid": f"holder-{namespace}-{pod}", "resourceVersion": "5"}
    keys = [{"id": key, "since": "2026-11-24T09:00:00Z", "rejected": moment} for key in rejected]
    spec = {"pools": [{"name": pool, "keys": keys}]}
    return {"metadata": {**known, "ownerReferences": [owner], **meta}, "spec": spec}


class World:
    """A cache with one pool, and pods of which all exist but those named `gone`."""

    def __init__(self) -> None:
        self.cache, self.ledger = ObjectCache(lambda _: ()), a_ledger(*KEYS)
        meta = {"namespace": "shop", "name": "web", "uid": "pool-1", "resourceVersion": "1"}
        self.cache.upsert(Kind.POOL, {"metadata": meta, "spec": {}})
        self.now, self.seconds, self.asked, self.counted = NOW, 100.0, list[str](), list[bool]()
        self.refused: type[Exception] | None = None
        self.ledgers = dict[str, Ledger]()
        self.answers = asyncio.Event()
        self.answers.set()
        self.reports = Reports(
            self.cache,
            self.pod,
            lambda uid: self.ledger if uid == "pool-1" else self.ledgers.get(uid),
            now=lambda: self.now,
            monotonic=lambda: self.seconds,
            counted=self.counted.append,
        )

    async def pod(self, namespace: str, name: str) -> Manifest:
        """As the API server answers."""
        self.asked.append(name)
        await self.answers.wait()
        if self.refused is not None:
            raise self.refused("get pod")
        if name.startswith("gone"):
            raise NotFound("get pod", 404, "NotFound")
        return {"metadata": {"namespace": namespace, "name": name, "uid": f"uid-{name}"}}

    def tell(self, manifest: Manifest) -> list[str]:
        """A watch tells of a holder; the pools that it wakes."""
        self.cache.upsert(Kind.HOLDER, manifest)
        return self.reports.woken_by(manifest["metadata"]["uid"])

    async def look(self, after: float = 1.0) -> float | None:
        """A pass over the pool, a second later."""
        self.seconds += after
        return await self.reports.look(self.ledger)

    def answered(self, key: str, *, accepted: bool) -> None:
        """The probe of a pass."""
        self.now += SECOND
        self.reports.settle(self.ledger, {key: Checked(self.now, accepted, 0 if accepted else 1)})
