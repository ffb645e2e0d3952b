"""Runs Prometheus' own rule tester on generated series."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.alerts.traffic import STEP, Counted, Series, counter

RULES = sorted((Path(__file__).parents[2] / "prometheus").glob("*.yaml"))
SECONDS = 900.0
LEADER = 'keypool_leader{instance="a"}'


def pool_series(metric: str, pool: str) -> str:
    """The name and labels of a series of a pool."""
    return f'{metric}{{namespace="team",pool="{pool}",instance="a"}}'


def counters(used: Counted) -> dict[str, Series]:
    """What the operator shows of a pool's use."""
    pool, begins = used.use.pool, used.use.begins
    return {
        pool_series("keypool_pool_requests_total", pool): counter(used.requests, begins),
        pool_series("keypool_pool_spend_usd_total", pool): counter(used.spend, begins),
    }


@dataclass
class Rehearsal:
    """Series by name and labels, and what is expected of the alerts; a replica leads unless the series say else.

    Values and evaluations are `step` minutes apart.
    """

    series: dict[str, Series] = field(default_factory=dict)
    expressions: list[dict[str, Any]] = field(default_factory=list)
    step: int = STEP
    name: str = ""

    def never(self, chosen: str, hour: float) -> None:
        """Until this hour no alert with these labels has fired, at no evaluation."""
        self._expect(f"count_over_time({_firing(chosen)}[{_minutes(hour)}])", hour, [])

    def fired(self, chosen: str, since: float, hour: float) -> None:
        """Between these hours an alert with these labels has fired."""
        once = [{"labels": "{}", "value": 1}]
        self._expect(f"count(count_over_time({_firing(chosen)}[{_minutes(hour - since)}]))", hour, once)

    def run(self, promtool: Path, folder: Path) -> str:
        """What promtool finds other than expected; empty when nothing is."""
        return run([self], promtool, folder)

    def _expect(self, expression: str, hour: float, samples: list[dict[str, Any]]) -> None:
        self.expressions.append({"expr": expression, "eval_time": _minutes(hour), "exp_samples": samples})

    def test(self) -> dict[str, Any]:
        """As promtool reads it."""
        leads: Series = [1.0] * max(map(len, self.series.values()))
        series = {LEADER: leads} | self.series
        inputs = [{"series": name, "values": _values(values)} for name, values in series.items()]
        expected = {"input_series": inputs, "promql_expr_test": self.expressions}
        return {"name": self.name, "interval": f"{self.step}m", **expected}


def run(rehearsals: Sequence[Rehearsal], promtool: Path, folder: Path) -> str:
    """The same of many with equal steps, in one process."""
    (step,) = {rehearsal.step for rehearsal in rehearsals}
    tests = [rehearsal.test() for rehearsal in rehearsals]
    document = {"rule_files": [str(path) for path in RULES], "evaluation_interval": f"{step}m", "tests": tests}
    file = folder / "rehearsal.json"
    file.write_text(json.dumps(document))
    argv = [str(promtool), "test", "rules", str(file)]
    sparing = {**os.environ, "GOGC": "400"}  # the heap is small: Go would collect its garbage all the time
    done = subprocess.run(argv, env=sparing, capture_output=True, text=True, timeout=SECONDS, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _firing(chosen: str) -> str:
    return f'ALERTS{{alertstate="firing"{"," if chosen else ""}{chosen}}}'


def _minutes(hours: float) -> str:
    return f"{round(hours * 60)}m"


def _values(series: Series) -> str:
    return " ".join("_" if value is None else str(value) for value in series)
