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
from keypool.core.buckets import REMEMBERED, Buckets
from keypool.core.ledger import Ledger
from keypool.core.reasons import Reason

REPEAT_AFTER = 60.0
"""Seconds within which the same Event is not posted again."""
BURST, REFILL = 25, 60.0
"""Events of one type for one object at once, and seconds until one more may be posted: whatever a pool has to tell of
its rotations, its warnings come through."""
OF_A_NAMESPACE, REFILL_OF_A_NAMESPACE = 2000, 0.5
"""The same for all objects of a namespace together: whoever makes and deletes pools without end fills nobody's etcd."""
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


class Announcer:
    """Posts Events. `clock`: monotonic seconds; `now`: wall clock; `new_id`: random hex for names;
    `on_dropped` is told the type of an Event that was one too many."""

    def __init__(
        self,
        client: KubeClient,
        instance: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        *,
        on_dropped: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._client, self._instance = client, instance
        self._clock, self._now, self._new_id = clock, now, new_id
        self._on_dropped = on_dropped
        self._posted: OrderedDict[tuple[str, Reason, str], float] = OrderedDict()
        self._buckets = Buckets(clock)

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
        own, shared = (subject.uid, kind), (f"namespace {subject.namespace}", kind)
        full = self._buckets.wait(own, BURST, REFILL)
        if full or self._buckets.wait(shared, OF_A_NAMESPACE, REFILL_OF_A_NAMESPACE):
            self._on_dropped(kind)
            return False
        self._buckets.take(own)
        self._buckets.take(shared)
        self._posted[key] = now
        while len(self._posted) > REMEMBERED:
            self._posted.popitem(last=False)
        return True

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
