"""The benchmark as people run it."""

import json
import subprocess
import sys
from pathlib import Path

COMMAND = (sys.executable, "-m", "keypool_lab", "bench")


def bench(*args: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, timeout=300, check=False)


def test_a_benchmark_tells_times_and_costs_and_keeps_them(tmp_path: Path) -> None:
    """Pools become Ready at the real thing, and every request is accounted for."""
    run = bench("--only", "at-once", "--pools", "3", "--profile", "--output", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "3 pools" in run.stdout
    (one,) = json.loads((tmp_path / "bench.json").read_text())["scenarios"]
    assert 0 < one["p50_s"] <= one["p99_s"] <= one["total_s"]
    assert one["operator_cpu_s"] > 0
    assert one["provider_calls"] == {"create": 3, "validate": 3}
    assert one["api_writes"]["patch apikeypools"] == 3
    profile = (tmp_path / "bench-at-once.txt").read_text()
    assert "/keypool/" in profile, "which functions are the dearest differs from machine to machine"


def test_an_unknown_scenario_is_named() -> None:
    """With those that there are, before anything is started."""
    run = bench("--only", "never")
    assert run.returncode == 2
    assert "never" in run.stderr
    assert "at-once" in run.stderr
