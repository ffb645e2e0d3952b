"""Events (events.k8s.io/v1) on pools and providers: what people should see in `kubectl describe`, without floods."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import KubeError
from keypool.core.ledger import Ledger
from keypool.core.reasons import Reason

REPEAT_AFTER = 60.0
"""Seconds within which the same Event is not posted again."""
BURST, REFILL = 25, 60.0
"""Events of one type for one object at once, and seconds until one more may be posted: whatever a pool has to tell of
its rotations, its warnings come through."""
OF_A_NAMESPACE, REFILL_OF_A_NAMESPACE = 2000, 0.5
"""The same for all objects of a namespace together: whoever makes and deletes pools without end fills nobody's etcd."""
REMEMBERED = 10_000
OF_THE_CLUSTER = "default"
"""Namespace of Events about objects that have none: the API server takes them nowhere else."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """The object an Event is about; one of the cluster has the namespace ""."""

    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of_pool(cls, pool: Mapping[str, Any]) -> "Subject":
        """The pool as the API server has it."""
        meta = pool["metadata"]
        return cls("ApiKeyPool", meta["namespace"], meta["name"], meta["uid"])

    @classmethod
    def of_ledger(cls, ledger: Ledger) -> "Subject":
        """The pool that a ledger is of; it may be gone."""
        return cls("ApiKeyPool", ledger.namespace, ledger.pool, ledger.pool_uid)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Announcer:
    """Posts Events. `clock`: monotonic seconds; `now`: wall clock; `new_id`: random hex for names."""

    def __init__(
        self,
        client: KubeClient,
        instance: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._client, self._instance = client, instance
        self._clock, self._now, self._new_id = clock, now, new_id
        self._posted: OrderedDict[tuple[str, Reason, str], float] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    async def announce(self, subject: Subject, kind: str, reason: Reason, note: str) -> None:
        """Posts one Event (`kind`: Normal or Warning). A failure is logged and forgotten: Events are a courtesy."""
        if not self._allowed(subject, kind, reason, note):
            return
        try:
            await self._client.create(
                paths.events(subject.namespace or OF_THE_CLUSTER), self._body(subject, kind, reason, note)
            )
        except KubeError as error:
            _log.info("event %s for %s/%s not posted: %s", reason, subject.namespace, subject.name, error)

    def _allowed(self, subject: Subject, kind: str, reason: Reason, note: str) -> bool:
        now, key = self._clock(), (subject.uid, reason, note)
        if now - self._posted.get(key, -REPEAT_AFTER) < REPEAT_AFTER:
            return False
        own = self._bucket((subject.uid, kind), BURST, REFILL)
        shared = self._bucket((f"namespace {subject.namespace}", kind), OF_A_NAMESPACE, REFILL_OF_A_NAMESPACE)
        if own.tokens < 1 or shared.tokens < 1:
            return False
        own.tokens -= 1
        shared.tokens -= 1
        self._posted[key] = now
        for memory in (self._posted, self._buckets):
            while len(memory) > REMEMBERED:
                memory.popitem(last=False)
        return True

    def _bucket(self, key: tuple[str, str], burst: int, refill: float) -> _Bucket:
        """As full as it is now. Those that were used last are remembered longest."""
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(burst, now))
        self._buckets.move_to_end(key)
        bucket.tokens, bucket.at = min(burst, bucket.tokens + (now - bucket.at) / refill), now
        return bucket

    def _body(self, subject: Subject, kind: str, reason: Reason, note: str) -> dict[str, object]:
        moment = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{subject.name[:200].rstrip('.-')}.{self._new_id()}",
                "namespace": subject.namespace or OF_THE_CLUSTER,
            },
            "eventTime": moment,
            "reportingController": "keypool.dev/operator",
            "reportingInstance": _cut(self._instance, 128),
            "action": "Reconcile",
            "type": kind,
            "reason": reason.value,
            "note": _cut(note, 1024),
            "regarding": {
                "apiVersion": f"{paths.GROUP}/{paths.VERSION}",
                "kind": subject.kind,
                "namespace": subject.namespace,
                "name": subject.name,
                "uid": subject.uid,
            },
        }


def _cut(text: str, most: int) -> str:
    """At most so many bytes, which is how the API server counts."""
    return text.encode()[:most].decode(errors="ignore")
