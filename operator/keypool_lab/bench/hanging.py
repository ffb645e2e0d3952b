"""The scenario `hanging`: what a provider that says nothing costs the pools of another one."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from keypool.cluster import paths
from keypool_lab.bench import load
from keypool_lab.bench.figures import Figures
from keypool_lab.bench.meter import Meter, quiet
from keypool_lab.bench.stack import NAMESPACE, Operator, Stack, pool
from keypool_lab.bench.waiting import until
from keypool_lab.lab.install import allowing, provider
from keypool_lab.simulator import Simulator
from keypool_lab.simulator.faults import Fault

if TYPE_CHECKING:
    from keypool_lab.bench.scenarios import Bench

NAME = "hanging"
HANGING = 60
"""Pools of the provider that hangs."""
UNDER_WAY = 8
"""Calls that hang before the measurement begins."""
SECONDS = 60.0


async def measure(bench: "Bench") -> Figures:
    """Pools are created at a good provider, without and with another provider that hangs, in one operator's life. As
    many before that are to warm up: the second batch must not be quicker for its place."""
    count = bench.sizes.large
    async with bench.stack.operator(bench.profile(NAME)) as operator, _second_provider(bench.stack) as other:
        await bench.at_rest(operator)
        await _create(bench, operator, f"{NAME}: {count} pools to warm up")
        meter = await Meter.start(bench.stack, operator)
        without, _ = await _create(bench, operator, f"{NAME}: {count} pools, both providers answer")
        await _hang(bench.stack, other)
        during, latencies = await _create(bench, operator, f"{NAME}: {count} pools, one provider hangs")
        cost = await meter.stop()
    ratio = during / without
    bench.teller.tell(
        f"{NAME}: {without:.1f} s without, {during:.1f} s with {HANGING} hanging pools: {ratio:.2f} times"
    )
    notes = {"without_s": without, "with_s": during, "ratio": ratio}
    return Figures(NAME, count, "pool", during, cost, latencies, notes)


async def _create(bench: "Bench", operator: Operator, what: str) -> tuple[float, list[float]]:
    """Seconds until all new pools of the good provider are Ready, and of each."""
    names, ready_at = bench.new_names(bench.sizes.large), bench.stack.observer.ready_at
    begin = time.monotonic()
    with bench.teller.phase(what, len(names)) as advance:
        answered = await load.create(bench.stack, names)
        await bench.all_in(lambda: sum(name in ready_at for name in names), names, advance, "Ready")
    await quiet(operator)
    total = max(ready_at[name] for name in names) - begin
    return total, [max(ready_at[name] - answered[name], 0.0) for name in names]


@asynccontextmanager
async def _second_provider(stack: Stack) -> AsyncIterator[Simulator]:
    async with Simulator() as other:
        manifest = provider(other.url)
        manifest["metadata"]["name"] = manifest["spec"]["auth"]["secretRef"]["name"] = NAME
        meta = {"name": NAME, "annotations": {"keypool.dev/allow": allowing(NAME, other.url)}}
        secret = {"metadata": meta, "stringData": {"adminKey": other.admin_key}}
        await stack.admin.create(paths.secrets(NAMESPACE), secret)
        await stack.admin.create(paths.providers(NAMESPACE), manifest)

        async def checked() -> bool:
            return bool(other.record.calls("list"))

        await until(checked, SECONDS, lambda: "the second provider was not looked at")
        yield other


async def _hang(stack: Stack, other: Simulator) -> None:
    other.faults.add(Fault(kind="hang", seconds=3600))
    for number in range(HANGING):
        body = pool(f"{NAME}-{number}", 1)
        body["spec"] = {"providerRef": {"name": NAME}, "size": 1}
        await stack.admin.create(paths.pools(NAMESPACE), body)

    async def hangs() -> bool:
        return len(other.record.calls("create")) >= UNDER_WAY

    await until(hangs, SECONDS, lambda: "the second provider was not called")
