"""`python -m keypool_lab.simulator`: serves until it is interrupted or terminated."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from keypool_lab.simulator import Options, Simulator


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
) -> None:
    """Runs a HolySheep provider simulator and prints its URL."""
    options = Options(port, state, admin_key, day, latency, names, query_only)
    asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Simulator(options) as simulator:
        print(simulator.url, flush=True)
        await ended.wait()


if __name__ == "__main__":
    typer.run(main)
