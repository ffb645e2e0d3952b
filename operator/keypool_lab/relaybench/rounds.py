"""Measures the targets in turns, round after round, so that what the machine does meets all of them."""

import asyncio
import os
import resource
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from keypool_lab.bench.figures import percentile
from keypool_lab.bench.processes import Process
from keypool_lab.bench.progress import Teller
from keypool_lab.relaybench import loads
from keypool_lab.relaybench.measured import Round
from keypool_lab.relaybench.targets import STARTS, Target, off_that_core, on_its_own_core, upstream

CONNECTIONS = 16
FILES = 8192


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is asked."""

    rounds: int = 3
    seconds: float = 4.0
    """For requests, one by one and at once."""
    streams: int = 400
    many: int = 1000
    rate: float = 50.0
    """Events a second of each stream."""
    events: int = 200
    settle: float = 1.0
    """Seconds until a target that has started is idle."""


SHORT = Sizes(rounds=1, seconds=0.3, streams=20, many=40, events=10, settle=0.2)


async def measure(sizes: Sizes, names: Sequence[str], folder: Path, teller: Teller) -> dict[str, list[Round]]:
    """The rounds of each target."""
    _allow_files()
    done: dict[str, list[Round]] = {name: [] for name in names}
    for number in range(sizes.rounds):
        for name in names:
            with teller.phase(f"round {number + 1} of {sizes.rounds}: {name}"):
                async with upstream(folder) as provider, STARTS[name](provider, folder) as target:
                    done[name].append(await _round(provider, target, sizes))
    return done


async def _round(provider: Target, target: Target, sizes: Sizes) -> Round:
    if target is not provider:
        off_that_core(provider.process)
        on_its_own_core(target.process)
    await asyncio.sleep(sizes.settle)
    process, port = target.process, target.port
    idle = process.rss()
    took = await loads.one_by_one(port, sizes.seconds)
    await loads.at_once(port, CONNECTIONS, sizes.seconds / 4)  # to warm up
    meter = _Meter(process)
    count = await loads.at_once(port, CONNECTIONS, sizes.seconds)
    request_cpu = meter.microseconds() / count
    meter = _Meter(process)
    heard = await loads.streams(port, sizes.streams, sizes.rate, sizes.events)
    event_cpu, memory = meter.microseconds() / max(heard.events, 1), process.peak_rss()
    many = await loads.streams(port, sizes.many, sizes.rate, sizes.events)
    return Round(
        p50=percentile(took, 50) * 1000,
        p99=percentile(took, 99) * 1000,
        rate=count / sizes.seconds,
        request_cpu=request_cpu,
        late=heard.late_ms(99),
        event_cpu=event_cpu,
        stream_memory=memory,
        lost=heard.lost + many.lost,
        many_late=many.late_ms(99),
        many_memory=process.peak_rss(),
        unfairness=many.unfairness(),
        idle_memory=idle,
    )


class _Meter:
    """CPU from now on."""

    def __init__(self, process: Process) -> None:
        self._process, self._begun = process, process.cpu_seconds()

    def microseconds(self) -> float:
        """So far."""
        return (self._process.cpu_seconds() - self._begun) * 1e6


def _allow_files() -> None:
    """A thousand streams need more open files than many shells allow; children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]
