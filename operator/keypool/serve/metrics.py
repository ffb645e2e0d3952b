"""What the operator counts, for Prometheus. Labels are of few values; a pool has a handful of series."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector

from keypool.core.breaker import State
from keypool.serve.left_out import LeftOut
from keypool.serve.metrics_budget import BudgetCollector, Level
from keypool.serve.pools import PoolSeries
from keypool.serve.scrape import OwnLines
from keypool.serve.usage import UsageSeries

MOST_ENDPOINTS = 1000
"""Of one namespace's providers that have series."""
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATES = (State.CLOSED, State.HALF_OPEN, State.OPEN)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = OwnLines()
        ProcessCollector(registry=registry)
        self.reconcile_seconds = Histogram(
            "keypool_reconcile_seconds",
            "Duration of a pass over one object; the outcome is ok or the type of error.",
            ["kind", "outcome"],
            buckets=_SLOW,
            registry=registry,
        )
        self.kube_requests = Counter(
            "keypool_kube_requests",
            "Requests to the Kubernetes API by us (not Kopf's lists and watches); code 0 is no answer.",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self.kube_request_seconds = Histogram(
            "keypool_kube_request_seconds",
            "Duration of a request to the Kubernetes API.",
            ["verb"],
            buckets=_FAST,
            registry=registry,
        )
        self.provider_calls = Counter(
            "keypool_provider_calls",
            "Calls to providers; the outcome is ok or the type of error.",
            ["provider", "call", "outcome"],
            registry=registry,
        )
        self.provider_call_seconds = Histogram(
            "keypool_provider_call_seconds",
            "Duration of a call to a provider.",
            ["provider", "call"],
            buckets=_SLOW,
            registry=registry,
        )
        self.endpoint_state = Gauge(
            "keypool_endpoint_state",
            "The circuit breaker of a provider's endpoint: 0 closed, 1 half-open, 2 open. Endpoint 0 is the preferred.",
            ["namespace", "provider", "endpoint", "host"],
            registry=registry,
        )
        self.key_events = Counter(
            "keypool_key_events",
            "What happened to keys: created, published, revoked, ...; as in the audit log.",
            ["event", "outcome"],
            registry=registry,
        )
        self.events_dropped = Counter(
            "keypool_events_dropped",
            "Events that were not posted: an object or a namespace had too many of that type (Normal, Warning).",
            ["type"],
            registry=registry,
        )
        self.keys_owed = Gauge(
            "keypool_keys_owed",
            "Keys whose revocation was refused, or not confirmed before their pool went.",
            registry=registry,
        )
        self.queue_depth = Gauge("keypool_queue_depth", "Pools that wait for a worker.", registry=registry)
        self.leader = Gauge("keypool_leader", "1 while this replica leads.", registry=registry)
        self.watch_age = Gauge(
            "keypool_watch_age_seconds",
            "Seconds since the watch of a kind was last known to be alive; -1 before the first time.",
            ["kind"],
            registry=registry,
        )
        self.resync_age = Gauge(
            "keypool_resync_age_seconds",
            "Seconds since everything was last listed and compared; -1 before the first time.",
            registry=registry,
        )
        self.namespace_served = Gauge(
            "keypool_namespace_served",
            "Of the namespaces in KEYPOOL_NAMESPACES: 0 while one does not exist, or the API server refuses it.",
            ["namespace"],
            registry=registry,
        )
        self.ledgers_unserved = Gauge(
            "keypool_ledgers_unserved",
            "Ledgers of pools in namespaces that are not served, or are refused: nothing is rotated or revoked there.",
            registry=registry,
        )
        self.clocks_agree = Gauge(
            "keypool_clocks_agree",
            "0 while the operator's clock, the node's and the API server's disagree: nothing is revoked for its age.",
            registry=registry,
        )
        self.clocks_agree.set(1)
        self.clock_ahead = Gauge(
            "keypool_clock_ahead_seconds",
            "Seconds by which a clock (node, api_server) is ahead of the operator's.",
            ["clock"],
            registry=registry,
        )
        self.audit_lines_lost = Counter(
            "keypool_audit_lines_lost",
            "Lines of the audit log that could not be written.",
            registry=registry,
        )
        self.writes_held = Gauge(
            "keypool_writes_held",
            "1 while the API server refuses the operator's account a Secret that is not keypool's, 0 while it "
            "takes it, -1 while that is not known.",
            registry=registry,
        )
        self.writes_held.set(-1)
        self.pools, self.usage = PoolSeries(), UsageSeries()
        registry.register(self.pools)
        registry.register(self.usage)
        self._endpoints_of, self._endpoints_left_out = Counts[str](), dict[str, tuple[str, int]]()
        left_out = {"pools": self.pools.left_out, "usage": self.usage.left_out, "keys": self.usage.keys_left_out}
        registry.register(LeftOut({**left_out, "endpoints": self._endpoints_without_series}))
        self._endpoints: dict[str, list[tuple[str, str, str, str]]] = {}
        self._budgets: BudgetCollector | None = None

    def on_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """Hook of `KubeClient`."""
        self.kube_requests.labels(verb, resource, str(status)).inc()
        self.kube_request_seconds.labels(verb).observe(seconds)

    def on_provider_call(self, provider: str, call: str, outcome: str, seconds: float) -> None:
        """One call to a provider of this kind ended."""
        self.provider_calls.labels(provider, call, outcome).inc()
        self.provider_call_seconds.labels(provider, call).observe(seconds)

    def on_endpoints(self, uid: str, namespace: str, name: str, states: Sequence[tuple[str, State]]) -> None:
        """The endpoints of a provider object, by URL in order of preference."""
        self.on_provider_gone(uid)
        if self._endpoints_of[namespace] + len(states) > MOST_ENDPOINTS:
            self._endpoints_left_out[uid] = namespace, len(states)
            return
        self._endpoints_of[namespace] += len(states)
        for index, (url, state) in enumerate(states):
            labels = (namespace, name, str(index), urlsplit(url).netloc)
            self.endpoint_state.labels(*labels).set(_STATES.index(state))
            self._endpoints.setdefault(uid, []).append(labels)

    def on_provider_gone(self, uid: str) -> None:
        """The provider object no longer exists: its series end."""
        self._endpoints_left_out.pop(uid, None)
        for labels in self._endpoints.pop(uid, ()):
            self.endpoint_state.remove(*labels)
            self._endpoints_of[labels[0]] -= 1
            if not self._endpoints_of[labels[0]]:
                del self._endpoints_of[labels[0]]

    def _endpoints_without_series(self) -> Counts[str]:
        counts = Counts[str]()
        for namespace, count in tuple(self._endpoints_left_out.values()):
            counts[namespace] += count
        return counts

    def on_event_dropped(self, kind: str) -> None:
        """An Event was not posted, because its object, or namespace, had too many of its type."""
        self.events_dropped.labels(kind).inc()

    def on_pool_gone(self, namespace: str, name: str) -> None:
        """The pool no longer exists: its series end."""
        self.pools.note(namespace, name, None)
        self.usage.note(namespace, name, None)

    def forget(self) -> None:
        """This replica leads no more, and goes on: what it knew of pools and providers is another's to tell."""
        for series in (self.pools, self.usage):
            for (namespace, pool), _ in series.known():
                self.on_pool_gone(namespace, pool)
        for uid in (*self._endpoints, *self._endpoints_left_out):
            self.on_provider_gone(uid)
        self.read_budgets(tuple)
        self.watch_age.clear()
        self.namespace_served.clear()
        for gauge in (self.queue_depth, self.keys_owed, self.ledgers_unserved, self.resync_age):
            gauge.set_function(_nothing)

    def read_when_scraped(
        self,
        *,
        queue_depth: Callable[[], int],
        keys_owed: Callable[[], int],
        leader: Callable[[], bool],
        watch_ages: Mapping[str, Callable[[], float | None]],
        resync_age: Callable[[], float | None],
        served: Mapping[str, Callable[[], bool]],
        ledgers_unserved: Callable[[], int],
    ) -> None:
        """Have these gauges ask for their values at each scrape, from another thread; the functions must be quick."""
        self.queue_depth.set_function(queue_depth)
        self.keys_owed.set_function(keys_owed)
        self.leader.set_function(leader)
        self.resync_age.set_function(partial(_seconds, resync_age))
        self.ledgers_unserved.set_function(ledgers_unserved)
        for namespace, is_served in served.items():
            self.namespace_served.labels(namespace).set_function(is_served)
        for kind, age in watch_ages.items():
            self.watch_age.labels(kind).set_function(partial(_seconds, age))

    def read_clocks(self, agree: Callable[[], bool], ahead: Mapping[str, Callable[[], float]]) -> None:
        """The same for the clocks."""
        self.clocks_agree.set_function(agree)
        for clock, seconds in ahead.items():
            self.clock_ahead.labels(clock).set_function(seconds)

    def read_writes_held(self, held: Callable[[], bool | None]) -> None:
        """The same for whether a policy holds the operator's account."""
        self.writes_held.set_function(partial(_seconds, held))

    def read_budgets(self, levels: Callable[[], Iterable[Level]]) -> None:
        """The same for the request budgets of accounts."""
        if self._budgets is not None:
            self.registry.unregister(self._budgets)
        self._budgets = BudgetCollector(levels)
        self.registry.register(self._budgets)

    def text(self) -> bytes:
        """The exposition format; without what cannot be told now."""
        return self.registry.text()


def _nothing() -> float:
    return 0.0


def _seconds(age: Callable[[], float | None]) -> float:
    seconds = age()
    return -1.0 if seconds is None else float(seconds)
