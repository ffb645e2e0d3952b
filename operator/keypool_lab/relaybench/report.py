"""The tables that people read and the file that programs read."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from keypool_lab.relaybench.measured import GOALS, MIB, Round, added, best, noise
from keypool_lab.relaybench.shares import Shares
from keypool_lab.relaybench.tally import Phase
from keypool_lab.relaybench.targets import ALONE, RELAY

WIDTH = 118
Rounds = Mapping[str, Sequence[Round]]


def show(rounds: Rounds, lack: Mapping[str, str], console: Console | None = None) -> None:
    """Costs, goals and ratios."""
    console = console or Console(width=WIDTH)
    if rounds:
        console.print(_requests(rounds), _streams(rounds), _goals(rounds), _ratios(rounds))
    for name, why in lack.items():
        console.print(f"{name} was skipped: {why}", highlight=False)


def show_shares(told: Shares, console: Console | None = None) -> None:
    """What each part of the relay costs."""
    table = _table(f"the {told.request_cpu:.0f} CPU-µs of a request, by samples", "part", ("CPU-µs", "share"))
    for name, cost in told.costs().items():
        table.add_row(name, f"{cost:.0f}", f"{cost / told.request_cpu:.0%}")
    (console or Console(width=WIDTH)).print(table)


def show_trouble(runs: Mapping[str, Sequence[Phase]], console: Console | None = None) -> None:
    """What failed under trouble."""
    console = console or Console(width=WIDTH)
    for title, phases in runs.items():
        names = (
            "asked",
            "a second",
            "failed",
            "streams cut",
            "repeated",
            "duplicates",
            "unknown",
            "longest ms without",
            "handed on",
        )
        table = _table(f"trouble, {title}", "phase", names)
        for one in phases:
            counts = (one.failed, one.cut, one.repeated, one.duplicates, one.unknown)
            told = (one.asked, f"{one.asked / one.seconds:.0f}", *counts, f"{one.gap * 1000:.0f}")
            handed = ", ".join(f"{count} {why}" for why, count in one.handed.items())
            table.add_row(one.name, *map(str, told), handed)
        console.print(table)


def save(rounds: Rounds, runs: Mapping[str, Sequence[Phase]], path: Path, load_average: float) -> None:
    """Writes a JSON file. `load_average`: of the last minute before the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "load_average_before": round(load_average, 2),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "rounds": {name: [asdict(one) for one in those] for name, those in rounds.items()},
        "trouble": {title: [asdict(one) for one in phases] for title, phases in runs.items()},
    }
    path.write_text(json.dumps(run, indent=2) + "\n")


def _table(title: str, first: str, names: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column(first, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    return table


def _requests(rounds: Rounds) -> Table:
    names = ("added ms p50", "added ms p99", "CPU-µs a request", "noise", "for a core", "requests/s", "MiB idle")
    table = _table("requests: one connection, then 16; the best of the rounds", "", names)
    for name, those in rounds.items():
        one = best(those)
        late = [f"{one.p50:.2f} in all", f"{one.p99:.2f} in all"]
        if name != ALONE:
            late = [f"{added(rounds, name, figure):.2f}" for figure in ("p50", "p99")]
        cpu = (f"{one.request_cpu:.0f}", f"{noise(those, 'request_cpu'):.0%}", f"{one.for_a_core:,.0f}")
        table.add_row(name, *late, *cpu, f"{one.rate:,.0f}", f"{one.idle_memory / MIB:.0f}")
    return table


def _streams(rounds: Rounds) -> Table:
    names = (
        "CPU-µs an event",
        "noise",
        "ms late p99",
        "MiB",
        "many: ms late p99",
        "MiB",
        "worst by usual",
        "events lost",
    )
    table = _table("streams: 400, then 1,000, of 50 events a second (fewer in a short run)", "", names)
    for name, those in rounds.items():
        one = best(those)
        cpu = (f"{one.event_cpu:.0f}", f"{noise(those, 'event_cpu'):.0%}")
        many = (f"{one.many_late:.0f}", f"{one.many_memory / MIB:.0f}", f"{one.unfairness:.2f}")
        table.add_row(name, *cpu, f"{one.late:.1f}", f"{one.stream_memory / MIB:.0f}", *many, f"{one.lost:.0f}")
    return table


def _goals(rounds: Rounds) -> Table:
    table = _table("goals of the relay, for two quiet cores", "what", ("goal", "measured", ""))
    for goal in GOALS if RELAY in rounds and ALONE in rounds else ():
        value = goal.measured(rounds)
        bound = f"{'at least' if goal.least else 'at most'} {goal.bound:g}"
        table.add_row(goal.what, bound, f"{value:.2f}", "reached" if goal.reached(value) else "missed")
    return table


def _ratios(rounds: Rounds) -> Table:
    table = _table("the relay's CPU beside others' in this run", "beside", ("a request", "an event"))
    for name in (name for name in rounds if name not in {ALONE, RELAY} and RELAY in rounds):
        ours, theirs = best(rounds[RELAY]), best(rounds[name])
        pairs = ((ours.request_cpu, theirs.request_cpu), (ours.event_cpu, theirs.event_cpu))
        table.add_row(name, *(f"{one / other:.2f} times" if other else "" for one, other in pairs))
    return table
