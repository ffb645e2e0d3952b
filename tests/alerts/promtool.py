"""Runs Prometheus' own rule tester on generated series."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.alerts.traffic import STEP, Counted, Series, counter

RULES = Path(__file__).parents[2] / "manifests" / "alerts" / "keypool-rules.yaml"
SECONDS = 180.0
WELL = 'keypool_leader{instance="a"}'


def pool_series(metric: str, pool: str, instance: str = "a") -> str:
    """The name and labels of a series of a pool."""
    return f'{metric}{{namespace="team",pool="{pool}",instance="{instance}"}}'


def counters(used: Counted) -> dict[str, Series]:
    """What the operator shows of a pool's use."""
    pool, begins = used.use.pool, used.use.begins
    return {
        pool_series("keypool_pool_requests_total", pool): counter(used.requests, begins),
        pool_series("keypool_pool_spend_usd_total", pool): counter(used.spend, begins),
    }


@dataclass
class Rehearsal:
    """Series by name and labels, and what is expected of them."""

    series: dict[str, Series] = field(default_factory=dict)
    expressions: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def expect(self, expression: str, hour: float, samples: Sequence[tuple[Mapping[str, str], float]]) -> None:
        """At this hour the expression has these values."""
        wanted = [{"labels": _labels(labels), "value": value} for labels, value in samples]
        self.expressions.append({"expr": expression, "eval_time": _at(hour), "exp_samples": wanted})

    def quiet(self, hour: float) -> None:
        """Until this hour no alert has ever fired."""
        self.expect(f'count_over_time(ALERTS{{alertstate="firing"}}[{_at(hour)}])', hour, [])

    def fired(self, alert: str, pool: str, since: float, hour: float) -> None:
        """Between these hours this alert has fired for this pool."""
        chosen = f'ALERTS{{alertname="{alert}",alertstate="firing",pool="{pool}"}}'
        self.expect(f"count(count_over_time({chosen}[{_at(hour - since)}]))", hour, [({}, 1)])

    def never(self, alert: str, hour: float) -> None:
        """Until this hour this alert has not fired."""
        self.expect(f'count_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[{_at(hour)}])', hour, [])

    def run(self, promtool: Path, folder: Path) -> str:
        """What promtool finds wrong; empty when all is as expected."""
        file = folder / "rehearsal.json"
        file.write_text(json.dumps(self._document()))
        run = subprocess.run(
            [promtool, "test", "rules", file], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return "" if run.returncode == 0 else run.stdout + run.stderr

    def _document(self) -> dict[str, Any]:
        series = {WELL: [1.0] * max(map(len, self.series.values()))} | self.series
        inputs = [{"series": name, "values": _values(values)} for name, values in series.items()]
        test = {
            "interval": f"{STEP}m",
            "input_series": inputs,
            "promql_expr_test": self.expressions,
            "alert_rule_test": self.alerts,
        }
        return {"rule_files": [str(RULES)], "evaluation_interval": f"{STEP}m", "tests": [test]}


def _at(hour: float) -> str:
    return f"{round(hour * 60)}m"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _values(series: Series) -> str:
    return " ".join(
        "_" if value is None else f"{value:g}" if value == int(value) < 1e5 else str(value) for value in series
    )
