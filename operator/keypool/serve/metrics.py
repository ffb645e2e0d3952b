"""What the operator counts, for Prometheus. Labels are of few values; a pool has a handful of series."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from platform import python_version

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector

from keypool import __version__
from keypool.serve.asked import AskedGauge
from keypool.serve.failing import FailingPasses
from keypool.serve.left_out import LeftOut
from keypool.serve.metrics_budget import BudgetSeries, Level
from keypool.serve.pools import PoolSeries
from keypool.serve.providers import ProviderSeries
from keypool.serve.scrape import OwnLines
from keypool.serve.usage import UsageSeries

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
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
        self.provider_call_seconds = Histogram(
            "keypool_provider_call_seconds",
            "Duration of a call to a provider of this kind.",
            ["provider", "call"],
            buckets=_SLOW,
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
        self.ledgers_tampered = Counter(
            "keypool_ledgers_tampered",
            "Times that a ledger was changed or deleted by somebody else, and written back.",
            registry=registry,
        )
        self._asked: list[AskedGauge] = []
        self.keys_owed = self._ask(
            "keypool_keys_owed",
            "Keys whose revocation was refused, or not confirmed before their pool went; also of pools that are gone.",
        )
        self.key_holders = self._ask("keypool_key_holders", "KeyHolders: pods whose relays tell which keys they hold.")
        self.key_reports = Counter(
            "keypool_key_reports",
            "Reports of relays that a key is rejected, by whether they counted: not where the pod is not there.",
            ["counted"],
            registry=registry,
        )
        self.queue_depth = self._ask("keypool_queue_depth", "Pools and provider objects that wait for a worker.")
        self.queue_wait = self._ask(
            "keypool_queue_longest_wait_seconds",
            "Seconds for which the pool or provider object has waited that waits longest for a worker; 0 for none.",
        )
        self.leader = Gauge("keypool_leader", "1 while this replica leads.", registry=registry)
        self.watch_age = self._ask(
            "keypool_watch_age_seconds",
            "Seconds since the watch of a kind was last known to be alive; before the first time, since this replica "
            "leads.",
            ("kind",),
        )
        self.resync_age = self._ask(
            "keypool_resync_age_seconds",
            "Seconds since everything was last listed and compared; before the first time, since this replica leads.",
        )
        self.namespace_served = self._ask(
            "keypool_namespace_served",
            "Of the namespaces in KEYPOOL_NAMESPACES: 0 while one does not exist, or the API server refuses it.",
            ("namespace",),
        )
        self.ledgers_unserved = self._ask(
            "keypool_ledgers_unserved",
            "Ledgers of pools in namespaces that are not served, or are refused: nothing is rotated or revoked there.",
        )
        self.clocks_agree = self._ask(
            "keypool_clocks_agree",
            "0 while the operator's clock, the node's and the API server's disagree: nothing is revoked for its age. "
            "Absent before they were compared.",
        )
        self.clock_ahead = self._ask(
            "keypool_clock_ahead_seconds",
            "Seconds by which a clock (node, api_server) is ahead of the operator's.",
            ("clock",),
        )
        self.audit_lines_lost = Counter(
            "keypool_audit_lines_lost",
            "Lines of the audit log that could not be written.",
            registry=registry,
        )
        self.writes_held = AskedGauge(
            "keypool_writes_held",
            "1 while the API server refuses the operator's account a Secret that is not keypool's, 0 while it takes "
            "it. Absent while that is not known.",
        )
        build = Gauge(
            "keypool_build_info", "Always 1: which keypool this is.", ["version", "python"], registry=registry
        )
        build.labels(__version__, python_version()).set(1)
        self.pools, self.usage, self.providers = PoolSeries(), UsageSeries(), ProviderSeries()
        self.budgets, self.failing = BudgetSeries(), FailingPasses()
        for series in (self.writes_held, self.pools, self.usage, self.providers, self.budgets, self.failing):
            registry.register(series)
        of_pools = {"pools": self.pools.left_out, "usage": self.usage.left_out, "keys": self.usage.keys_left_out}
        of_providers = {"providers": self.providers.left_out, "endpoints": self.providers.endpoints_left_out}
        registry.register(LeftOut({**of_pools, **of_providers}))

    def _ask(self, name: str, text: str, labels: tuple[str, ...] = ()) -> AskedGauge:
        """One that the leader alone shows."""
        gauge = AskedGauge(name, text, labels)
        self._asked.append(gauge)
        self.registry.register(gauge)
        return gauge

    def on_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """Hook of `KubeClient`."""
        self.kube_requests.labels(verb, resource, str(status)).inc()
        self.kube_request_seconds.labels(verb).observe(seconds)

    def on_provider_call(self, uid: str, provider: str, call: str, outcome: str, seconds: float) -> None:
        """One call ended: to the provider of the object with this UID, which is of this kind."""
        self.providers.called(uid, call, outcome)
        self.provider_call_seconds.labels(provider, call).observe(seconds)

    def on_event_dropped(self, kind: str) -> None:
        """An Event was not posted, because its object, or namespace, had too many of its type."""
        self.events_dropped.labels(kind).inc()

    def on_pool_gone(self, namespace: str, name: str) -> None:
        """The pool no longer exists: its series end."""
        self.pools.note(namespace, name, None)
        self.usage.note(namespace, name, None)

    def forget(self) -> None:
        """This replica leads no more, and goes on: what it knew is another's to tell."""
        for series in (self.pools, self.usage):
            for (namespace, pool), _ in series.known():
                self.on_pool_gone(namespace, pool)
        self.providers.forget()
        self.failing.forget()
        self.read_budgets(tuple)
        for gauge in self._asked:
            gauge.forget()

    def read_when_scraped(
        self,
        *,
        queue_depth: Callable[[], int],
        queue_wait: Callable[[], float],
        keys_owed: Callable[[], int],
        leader: Callable[[], bool],
        watch_ages: Mapping[str, Callable[[], float]],
        resync_age: Callable[[], float],
        served: Mapping[str, Callable[[], bool]],
        ledgers_unserved: Callable[[], int],
    ) -> None:
        """Have these gauges ask for their values at each scrape, from another thread; the functions must be quick."""
        self.queue_depth.of(queue_depth)
        self.queue_wait.of(queue_wait)
        self.failing.begin()
        self.keys_owed.of(keys_owed)
        self.leader.set_function(leader)
        self.resync_age.of(resync_age)
        self.ledgers_unserved.of(ledgers_unserved)
        self.namespace_served.by({(namespace,): is_served for namespace, is_served in served.items()})
        self.watch_age.by({(kind,): age for kind, age in watch_ages.items()})

    def read_clocks(self, agree: Callable[[], bool], ahead: Mapping[str, Callable[[], float]]) -> None:
        """The same for the clocks."""
        self.clocks_agree.of(agree)
        self.clock_ahead.by({(clock,): seconds for clock, seconds in ahead.items()})

    def read_writes_held(self, held: Callable[[], bool | None]) -> None:
        """The same for whether a policy holds the operator's account."""
        self.writes_held.of(held)

    def read_holders(self, number: Callable[[], int]) -> None:
        """The same for how many KeyHolders there are."""
        self.key_holders.of(number)

    def on_key_report(self, counted: bool) -> None:
        """A relay's report on a key was looked into."""
        self.key_reports.labels("yes" if counted else "no").inc()

    def read_budgets(self, levels: Callable[[], Iterable[Level]]) -> None:
        """The same for the request budgets of accounts."""
        self.budgets.levels = levels

    def pieces(self) -> Iterator[bytes]:
        """The exposition format, piece by piece; without what cannot be told now."""
        return self.registry.pieces()

    def text(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces())
