"""What the benchmark makes of what it saw."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from keypool.serve.metrics import Metrics
from keypool.serve.pools import PoolState
from keypool_lab.bench.figures import Cost, Figures, percentile
from keypool_lab.bench.goals import compared
from keypool_lab.bench.report import WIDTH, save, show
from keypool_lab.bench.scrape import parse, writes

COST = Cost(12.5, 100 * 1024 * 1024, Counter({"create secrets": 400}), Counter({"get secrets": 200}), {"create": 200})


def figures(**changes: object) -> Figures:
    """200 pools with latencies of 0.01 s to 2 s."""
    given = {"scenario": "at-once", "count": 200, "per": "pool", "total": 2.5, "cost": COST}
    return Figures(**{**given, "latencies": [n / 100 for n in range(200, 0, -1)], **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (75, 3.0), (76, 4.0), (99, 4.0), (0, 1.0)])
def test_a_percentile_is_a_value_that_occurred(percent: float, value: float) -> None:
    """The smallest one that so many per cent do not exceed, whatever their order."""
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_metrics_are_read_as_the_operator_writes_them() -> None:
    """Requests are added up over their status codes; a pool counts once, whether it is Ready or not."""
    metrics = Metrics()
    for status in (200, 200, 409):
        metrics.on_request("update", "apikeypools/status", status, 0.01)
    metrics.on_request("get", "secrets", 404, 0.01)
    for name, ready in (("a", True), ("b", False), ("b", True)):
        metrics.pools.note("team", name, PoolState(ready, None, ()))
    found = parse(metrics.text().decode())
    assert found.looked_at == 2
    assert found.requests == {"update apikeypools/status": 3, "get secrets": 1}


def test_reads_are_no_writes() -> None:
    """Only what changes the cluster counts."""
    requests = Counter({"get secrets": 1, "list secrets": 1, "create events": 2, "apply x": 1, "delete x": 1})
    assert writes(requests) == {"create events": 2, "apply x": 1, "delete x": 1}


def test_the_tables_fit_and_tell_the_figures_of_each_pool() -> None:
    """A hundred columns, with the widest names and figures that there are."""
    text = io.StringIO()
    resting = figures(scenario="restart", count=5000, total=123.4, latencies=[])
    show([figures(scenario="rotation", count=2000, total=1234.5), resting], Console(file=text, width=WIDTH))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    row = next(line.split() for line in lines if "rotation" in line)
    assert row == ["rotation", "2000", "pools", "1234.5", "1.00", "1.90", "1.98", "12.5", "100", "0.20", "0.10"]


def test_the_file_has_all_figures(tmp_path: Path) -> None:
    """And what machine they are from."""
    save([figures(notes={"cores": 0.04})], tmp_path / "new" / "bench.json", 0.5)
    run = json.loads((tmp_path / "new" / "bench.json").read_text())
    (one,) = run["scenarios"]
    assert run["machine"]["load_average_before"] == 0.5
    assert one["p50_s"] == 1.0
    assert one["cores"] == 0.04
    assert one["api_writes"] == {"create secrets": 400}


def test_a_goal_is_compared_where_the_scenario_was_large_enough() -> None:
    large = figures(scenario="large", count=100)
    assert compared([large, figures(total=20.0)]) == [
        ("large", "API writes for a new pool of three keys", 11, 4.0, True)
    ]
    (missed,) = compared([figures(count=1000, total=20.0)])
    assert missed[3:] == (20.0, False)
