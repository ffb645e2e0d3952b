"""What one scenario measured, and the arithmetic. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

PERCENTS = (50, 95, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of all do not exceed (nearest rank). Raises IndexError for none."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]


@dataclass(frozen=True, slots=True)
class Cost:
    """What the operator used up: `cpu` in seconds, `peak_rss` in bytes; `writes` and `reads` of the Kubernetes API by
    "verb resource", without Kopf's lists and watches and without the Lease; `calls` of the provider by kind."""

    cpu: float
    peak_rss: int
    writes: Counter[str]
    reads: Counter[str]
    calls: dict[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """One scenario. `count` things of the kind `per` ("pool", "slot", …) were concerned; `total` and `latencies` are
    in seconds; no latencies where nothing is waited for one by one."""

    scenario: str
    count: int
    per: str
    total: float
    cost: Cost
    latencies: list[float] = field(default_factory=list)
    notes: dict[str, float] = field(default_factory=dict)

    def percentiles(self) -> dict[str, float]:
        """By name, such as p50; empty when there are no latencies."""
        return {f"p{p}": percentile(self.latencies, p) for p in PERCENTS} if self.latencies else {}

    def per_thing(self, counts: dict[str, int]) -> dict[str, float]:
        """Counts divided by how many things were concerned."""
        return {what: count / self.count for what, count in sorted(counts.items())}

    def as_json(self) -> dict[str, object]:
        """Everything, for people and programs that compare runs; latencies as percentiles."""
        return {
            "scenario": self.scenario,
            "count": self.count,
            "per": self.per,
            "total_s": round(self.total, 3),
            **{f"{name}_s": round(value, 3) for name, value in self.percentiles().items()},
            "operator_cpu_s": round(self.cost.cpu, 2),
            "operator_peak_rss_bytes": self.cost.peak_rss,
            "api_writes": dict(sorted(self.cost.writes.items())),
            "api_reads": dict(sorted(self.cost.reads.items())),
            "provider_calls": self.cost.calls,
            **{name: round(value, 3) for name, value in self.notes.items()},
        }
