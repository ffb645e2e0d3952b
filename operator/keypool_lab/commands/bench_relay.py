"""`bench-relay`: what the relay costs beside others, and what fails under trouble."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keypool_lab.commands.failing import told

if TYPE_CHECKING:
    from keypool_lab.relaybench.measured import Round
    from keypool_lab.relaybench.shares import Shares
    from keypool_lab.relaybench.tally import Phase

PARTS = ("costs", "shares", "trouble")


def bench_relay(
    only: Annotated[str | None, typer.Option(help="One part: costs, shares or trouble. Default: all.")] = None,
    short: Annotated[
        bool, typer.Option("--short", help="Seconds instead of minutes: no figures, does it work?")
    ] = False,
    rate: Annotated[float, typer.Option(min=1, help="Requests a second under trouble.")] = 1000.0,
    output: Annotated[Path, typer.Option(help="Folder for bench-relay.json and logs.")] = Path("build"),
) -> None:
    """Measure the relay beside nginx and others, then count what fails under trouble."""
    from keypool_lab.relaybench import report, targets  # noqa: PLC0415 - so that other commands start quickly

    if only not in {None, *PARTS}:
        raise typer.BadParameter(f"{only!r} is none of {', '.join(PARTS)}")
    output.mkdir(parents=True, exist_ok=True)
    load, rounds, runs = os.getloadavg()[0], dict[str, "list[Round]"](), dict[str, "list[Phase]"]()
    with told():
        try:
            if only in {None, "costs"}:
                rounds |= _costs(short, output)
                report.show(rounds, targets.missing())
            if only in {None, "shares"}:
                report.show_shares(_shares(short, output))
            if only in {None, "trouble"}:
                _trouble(short, rate, output, runs)
                report.show_trouble(runs)
        finally:
            report.save(rounds, runs, output / "bench-relay.json", load)


def _costs(short: bool, output: Path) -> "dict[str, list[Round]]":
    from keypool_lab.bench.progress import Teller  # noqa: PLC0415 - see above
    from keypool_lab.relaybench import rounds, targets  # noqa: PLC0415

    lack = targets.missing()
    names = [name for name in targets.STARTS if name not in lack]
    return asyncio.run(rounds.measure(rounds.SHORT if short else rounds.Sizes(), names, output, Teller()))


def _shares(short: bool, output: Path) -> "Shares":
    from keypool_lab.bench.progress import Teller  # noqa: PLC0415 - see above
    from keypool_lab.relaybench.shares import shares  # noqa: PLC0415

    with Teller().phase("what each part costs"):
        return asyncio.run(shares(0.3 if short else 10.0, output))


def _trouble(short: bool, rate: float, output: Path, runs: "dict[str, list[Phase]]") -> None:
    from keypool_lab.bench.progress import Teller  # noqa: PLC0415 - see above
    from keypool_lab.relaybench.trouble import Amount, trouble  # noqa: PLC0415

    teller = Teller()
    for size, at in ((2, rate), (1, min(rate, 100.0))):
        amount = Amount(size, 40.0, 20, 12) if short else Amount(size, at, int(at * 3))
        title = (
            f"{size} key{'s' if size > 1 else ''} and endpoint{'s' if size > 1 else ''}, {amount.rate:.0f} requests/s"
        )
        with teller.phase(title):
            runs[title] = asyncio.run(trouble(amount, output))
