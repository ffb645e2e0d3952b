"""`mutants`: would the tests notice if the code were wrong?"""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from keypool_lab.mutants.all_defects import DEFECTS
from keypool_lab.mutants.trial import Outcome, try_defect
from keypool_lab.narrator import Narrator

WIDTH = 100


def mutants(
    only: Annotated[list[str] | None, typer.Option(help="Defects whose name has this in it; may be repeated.")] = None,
) -> None:
    """Sow defects into a copy of the code, one at a time; tell which test catches each. Exit 1 when one survives."""
    chosen = [defect for defect in DEFECTS if not only or any(part in defect.name for part in only)]
    if not chosen:
        raise typer.BadParameter(f"no defect is named so; there are: {', '.join(one.name for one in DEFECTS)}")
    narrator, outcomes = Narrator(), list[Outcome]()
    for number, defect in enumerate(chosen, 1):
        with narrator.waiting(f"{number} of {len(chosen)}: {defect.name}"):
            outcomes.append(try_defect(defect))
        narrator.say(f"  {defect.name}: {'caught' if outcomes[-1].caught_by else 'SURVIVED'}")
    narrator.console.print(_table(outcomes), width=WIDTH)
    survivors = [outcome.defect.name for outcome in outcomes if not outcome.caught_by]
    narrator.say(f"caught: {len(outcomes) - len(survivors)} of {len(outcomes)}")
    raise typer.Exit(1 if survivors else 0)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("defect", max_width=38)
    table.add_column("caught by", overflow="fold")
    table.add_column("s", justify="right")
    for outcome in outcomes:
        table.add_row(outcome.defect.name, outcome.caught_by or "nothing", f"{outcome.seconds:.0f}")
    return table
