"""`python -m keypool_lab.simulator`: serves until it is interrupted or terminated."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from keypool_lab.simulator import Fault, Options, Simulator


def main(  # noqa: PLR0917 (typer reads options from here)
    admin_key: Annotated[str, typer.Option(envvar="KEYPOOL_LAB_ADMIN_KEY", help="The admin credential to accept.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    state: Annotated[Path | None, typer.Option(help="SQLite file that keeps the record over restarts.")] = None,
    day: Annotated[float, typer.Option(help="How many seconds one day of a key's life lasts.")] = 86400.0,
    latency: Annotated[float, typer.Option(help="Seconds that every call takes at least.")] = 0.0,
    names: Annotated[bool, typer.Option("--names", help="The listing shows names.")] = False,
    query_only: Annotated[
        bool, typer.Option("--query-only", help="Validation takes the key in the query only.")
    ] = False,
    words: Annotated[str, typer.Option(help="Whose errors its OpenAI dialect gives: holysheep or openai.")] = (
        "holysheep"
    ),
    events: Annotated[int | None, typer.Option(help="How many words each reply has.", min=0)] = None,
    pause: Annotated[float, typer.Option(help="Seconds between the events of a stream.", min=0)] = 0.0,
    endpoints: Annotated[int, typer.Option(help="How many endpoints the account has.", min=1, max=16)] = 1,
    fault: Annotated[list[str] | None, typer.Option(help="A fault as JSON; several times for several.")] = None,
) -> None:
    """Runs a HolySheep provider simulator and prints its URL; those of further endpoints follow, one a line."""
    options = Options(port, state, admin_key, day, latency, names, query_only)
    if words not in {"holysheep", "openai"}:
        raise typer.BadParameter(f"{words!r} is neither holysheep nor openai", param_hint="--words")
    try:
        faults = [Fault.model_validate_json(text) for text in fault or ()]
    except ValidationError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None
    switches: dict[str, object] = {"words": words, "events": events, "pause": pause}
    asyncio.run(_serve(options, switches, endpoints, faults))


async def _serve(options: Options, switches: dict[str, object], endpoints: int, faults: list[Fault]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Simulator(options) as simulator:
        for name, value in switches.items():
            setattr(simulator.switches, name, value)
        for fault in faults:
            simulator.faults.add(fault)
        doors = [await simulator.open_door() for _ in range(endpoints - 1)]
        print("\n".join([simulator.url, *(door.url for door in doors)]), flush=True)
        await ended.wait()


if __name__ == "__main__":
    typer.run(main)
