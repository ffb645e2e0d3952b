"""`bench`: how fast is keypool, and what does it cost?

What measures is imported when it runs: it brings along clients that would make every other command slow to start.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from keypool_lab.bench.figures import Figures
from keypool_lab.commands.failing import told


def _known(names: list[str], existing: Sequence[str]) -> list[str]:
    if unknown := sorted(set(names) - set(existing)):
        raise typer.BadParameter(f"{', '.join(unknown)}; there are {', '.join(existing)}")
    return names


def bench(  # noqa: PLR0917 - typer reads options from here
    only: Annotated[
        list[str] | None,
        typer.Option(help="One scenario; may be repeated. An unknown one lists them. Default: all."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="1,000 pools at 10 a second; 5,000 pools at rest; 5,000 holders.")
    ] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Run the operator under cProfile (slower).")] = False,
    output: Annotated[Path, typer.Option(help="Folder for bench.json, logs, profiles.")] = Path("build"),
    pools: Annotated[int | None, typer.Option(min=1, help="Pools at once, and slots that rotate.")] = None,
    steady: Annotated[int | None, typer.Option(min=1, help="Pools that come one after another.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="How many of these a second.")] = None,
    large: Annotated[int | None, typer.Option(min=1, help="Pools of three keys at once.")] = None,
    resting: Annotated[int | None, typer.Option(min=1, help="Pools at restart and when idle, at least.")] = None,
    idle: Annotated[float | None, typer.Option(min=1, help="Seconds to be idle.")] = None,
    holders: Annotated[int | None, typer.Option(min=1, help="KeyHolders, of pods that read one pool.")] = None,
) -> None:
    """Load the operator on a control plane of its own; print tables, write bench.json."""
    from keypool_lab.bench.report import save, show  # noqa: PLC0415 - see above
    from keypool_lab.bench.run import run  # noqa: PLC0415
    from keypool_lab.bench.scenarios import FULL, SCENARIOS, Sizes  # noqa: PLC0415

    given: dict[str, Any] = {
        "pools": pools,
        "steady": steady,
        "rate": rate,
        "large": large,
        "resting": resting,
        "idle": idle,
        "holders": holders,
    }
    sizes = dataclasses.replace(FULL if full else Sizes(), **{k: v for k, v in given.items() if v is not None})
    scenarios = _known(only or list(SCENARIOS), list(SCENARIOS))
    output.mkdir(parents=True, exist_ok=True)
    done: list[Figures] = []
    load_average = os.getloadavg()[0]
    with told():
        try:
            run(scenarios, sizes, profile, output, done)
        finally:
            if done:
                show(done)
                save(done, output / "bench.json", load_average)
