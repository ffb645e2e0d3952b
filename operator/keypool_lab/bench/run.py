"""A whole run: the cluster is started, scenarios are gone through, everything is removed."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from keypool_lab.bench.figures import Figures
from keypool_lab.bench.profiles import summarize
from keypool_lab.bench.progress import Teller
from keypool_lab.bench.scenarios import SCENARIOS, Bench, Sizes
from keypool_lab.bench.stack import Stack
from keypool_lab.binaries import find_or_build
from keypool_lab.controlplane import ControlPlane
from keypool_lab.lab.install import CRDS


def run(scenarios: Sequence[str], sizes: Sizes, profiling: bool, folder: Path, done: list[Figures]) -> None:
    """Appends to `done` what each scenario measured, so that a failure loses nothing. Logs, and profiles if wanted,
    go to `folder`.

    Raises BenchError, BinariesError, ControlPlaneError, KubectlError.
    """
    teller, binaries = Teller(), find_or_build()
    with teller.phase("control plane"):
        plane = ControlPlane.start(binaries, CRDS)
    make = partial(Bench, sizes=sizes, teller=teller, profiles=folder if profiling else None)
    with plane:
        asyncio.run(_go_through(plane, scenarios, make, folder, done))


async def _go_through(
    plane: ControlPlane, scenarios: Sequence[str], make: Callable[[Stack], Bench], logs: Path, done: list[Figures]
) -> None:
    async with Stack.running(plane, logs) as stack:
        bench = make(stack)
        for name in (name for name in SCENARIOS if name in scenarios):
            done.append(await SCENARIOS[name](bench))
            if (profile := bench.profile(name)) is not None:
                summarize(profile)
