"""The tables that people read and the file that programs read."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from keypool import __version__
from keypool_lab.bench.figures import PERCENTS, Figures
from keypool_lab.bench.goals import compared
from keypool_lab.bench.stack import LATENCY

WIDTH = 100
MIB = 1024 * 1024


def show(figures: Sequence[Figures], console: Console | None = None) -> None:
    """Prints three tables: times and costs, what was asked of whom for each pool or slot, and goals."""
    console = console or Console(width=WIDTH)
    console.print(_times(figures), _requests(figures), _goals(figures))


def save(figures: Sequence[Figures], path: Path, load_average: float) -> None:
    """Writes a JSON file. `load_average`: of the last minute before the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cpus": os.cpu_count(),
        "load_average_before": round(load_average, 2),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    run = {
        "version": __version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "provider_latency_s": LATENCY,
        "scenarios": [one.as_json() for one in figures],
    }
    path.write_text(json.dumps(run, indent=2) + "\n")


def _times(figures: Sequence[Figures]) -> Table:
    table = Table(title="times and costs; writes and calls of each", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("scenario")
    columns = ("of", "total s", *(f"p{p} s" for p in PERCENTS), "CPU s", "peak MiB", "writes", "calls")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for one in figures:
        found = one.percentiles()
        table.add_row(
            one.scenario,
            f"{one.count} {one.per}s",
            f"{one.total:.1f}",
            *(f"{found[name]:.2f}" if name in found else "" for name in (f"p{p}" for p in PERCENTS)),
            f"{one.cost.cpu:.1f}",
            f"{one.cost.peak_rss / MIB:.0f}",
            f"{one.cost.writes.total() / one.count:.2f}",
            f"{sum(one.cost.calls.values()) / one.count:.2f}",
        )
    return table


def _requests(figures: Sequence[Figures]) -> Table:
    table = Table(title="requests for each pool or slot", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("scenario", "API writes", "API reads", "provider calls"):
        table.add_column(name)
    for one in figures:
        kinds = (dict(one.cost.writes), dict(one.cost.reads), one.cost.calls)
        table.add_row(one.scenario, *(_lines(one.per_thing(counts)) for counts in kinds), end_section=True)
    return table


def _goals(figures: Sequence[Figures]) -> Table:
    table = Table(title="goals, for two quiet cores", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("scenario", "what", "at most", "measured", ""):
        table.add_column(name)
    for scenario, what, most, value, reached in compared(figures):
        table.add_row(scenario, what, f"{most:g}", f"{value:.2f}", "reached" if reached else "missed")
    return table


def _lines(counts: dict[str, float]) -> str:
    return "\n".join(f"{count:.2f} {what}" for what, count in counts.items()) or "none"
