"""The page that lists the metrics: docs/metrics.md."""

from collections.abc import Callable, Iterable

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from keypool.serve.families import Families, Family
from keypool.serve.metrics import Metrics
from keypool_client.relay.metrics import Metrics as RelayMetrics

METRICS = """\
Each replica of the operator serves these at `/metrics`; only the leader shows pools and provider objects. What cannot
be told has no series: no number stands for "unknown". Times are Unix times, durations seconds. Without a log they
answer:

- **Is everything well?** `keypool_leader` sums to 1; `keypool_pool_condition` and `keypool_provider_condition` have no
  series.
- **What breaks next, when and why?** `sort(keypool_pool_earliest_expiry_timestamp_seconds - time())`;
  `time() - keypool_rotation_late_since_timestamp_seconds`; the label `reason` of both conditions.
- **Whose turn is it?** `keypool_pool_waits_for` and `keypool_provider_waits_for`.

Labels: `namespace` and `pool` are those of the pool; `namespace` and `keyprovider` those of the provider object, with
an empty `namespace` for a ClusterKeyProvider; `provider` is a kind of provider as manifests write it; `kind` a kind of
object. Prometheus has to honour these labels (`honor_labels: true`), else it calls the pool's namespace
`exported_namespace`: the alerts go by both, and `KeypoolLabelsNotHonoured` tells.

A namespace has series of 2,000 pools, 5,000 keys, 1,000 provider objects and 1,000 endpoints at most;
`keypool_series_left_out` counts the others. What happened to single keys is in the audit log: counters by pool and
event would be a hundred thousand series for ten thousand pools. Counters and histograms have a series `_created` each,
the time of their beginning."""

Row = tuple[str, str, str, str]
Table = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]


def listed(collectors: Iterable[Collector]) -> list[Row]:
    """Name as Prometheus has it, type, labels and meaning of each metric of ours."""
    rows = [row for collector in collectors for row in _rows(collector)]
    return sorted(rows)


def _rows(collector: Collector) -> list[Row]:
    if isinstance(collector, Families):
        return [_row(family) for family in collector.families()]
    if isinstance(collector, MetricWrapperBase):
        (metric,) = collector.describe()
        labels = tuple(collector._labelnames)
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        return [(name, metric.type, ", ".join(labels), metric.documentation)]
    return []


def _row(family: Family) -> Row:
    return family.exposed, family.kind, ", ".join(family.labels), family.text


def of_operator() -> list[Row]:
    """All that an operator may show."""
    return listed(Metrics().registry.collectors())


def of_relay() -> list[Row]:
    """All that a relay may show."""
    return listed(each for each in vars(RelayMetrics()).values() if isinstance(each, MetricWrapperBase))


def parts(table: Table) -> tuple[str, ...]:
    """The page below its head."""
    head = ("metric", "type", "labels", "what it says")
    tables = [
        table(head, ((f"`{name}`", kind, labels, text) for name, kind, labels, text in rows))
        for rows in (of_operator(), of_relay())
    ]
    process = "And what Python's client library says of the process: `process_cpu_seconds_total` and its like."
    return ("## The operator", tables[0], process, "## The relay", tables[1])
