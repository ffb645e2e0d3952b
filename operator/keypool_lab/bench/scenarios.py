"""The scenarios. Each starts the operator anew, waits until it is at rest, and then measures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keypool_lab.bench import hanging, holders, load, scraping
from keypool_lab.bench.figures import Figures
from keypool_lab.bench.meter import Meter, quiet
from keypool_lab.bench.progress import Advance, Teller
from keypool_lab.bench.stack import Operator, Stack
from keypool_lab.bench.waiting import until

GRACE, SECONDS_EACH = 60.0, 0.25
"""Pools have a minute, and a quarter of a second each, to get where they should."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many pools; `rate` of them a second in the scenario of that name; `idle` in seconds."""

    pools: int = 1000
    steady: int = 200
    rate: float = 10.0
    large: int = 200
    resting: int = 1000
    idle: float = 60.0
    holders: int = 1000


FULL = Sizes(steady=1000, resting=5000, holders=5000)


@dataclass
class Bench:
    """`profiles`: the folder for profiles, None for none. `pools`: those of one key that were made so far."""

    stack: Stack
    sizes: Sizes
    teller: Teller
    profiles: Path | None = None
    pools: list[str] = field(default_factory=list)

    def new_names(self, count: int) -> list[str]:
        """Names of pools of one key that are about to be made."""
        fresh = [f"p{number}" for number in range(len(self.pools), len(self.pools) + count)]
        self.pools += fresh
        return fresh

    def profile(self, scenario: str) -> Path | None:
        """Where the operator's profile in a scenario goes."""
        return None if self.profiles is None else self.profiles / f"bench-{scenario}.prof"

    async def at_rest(self, operator: Operator) -> None:
        """Waits until a new operator has looked at all pools and does nothing more."""
        await operator.ready()
        await operator.looked_at(self._existing(), _patience(self._existing()))
        await quiet(operator)

    async def all_in(self, found: Callable[[], int], names: Sequence[str], advance: Advance, what: str) -> None:
        """Waits for as many as there are names. Raises BenchError."""

        async def enough() -> bool:
            advance(found())
            return found() >= len(names)

        await until(enough, _patience(len(names)), lambda: f"only {found()} of {len(names)} pools are {what}")

    async def ensure(self, count: int) -> None:
        """Makes pools, unmeasured, until there are so many."""
        missing = self.new_names(max(count - len(self.pools), 0))
        if missing:
            with self.teller.phase(f"{len(missing)} more pools", len(missing)) as advance:
                async with self.stack.operator() as operator:
                    await self.at_rest(operator)
                    await load.create(self.stack, missing)
                    await self.all_in(lambda: _count(missing, self.stack.observer.ready_at), missing, advance, "Ready")

    def _existing(self) -> int:
        return len(self.stack.observer.ready_at)


def _patience(count: int) -> float:
    return GRACE + SECONDS_EACH * count


def _count(names: Sequence[str], seen: dict[str, float]) -> int:
    return sum(name in seen for name in names)


async def _creation(bench: Bench, scenario: str, names: list[str], size: int, rate: float | None) -> Figures:
    ready_at = bench.stack.observer.ready_at
    async with bench.stack.operator(bench.profile(scenario)) as operator:
        await bench.at_rest(operator)
        meter, begin = await Meter.start(bench.stack, operator), time.monotonic()
        with bench.teller.phase(f"{scenario}: {len(names)} pools of {size}", len(names)) as advance:
            creating = asyncio.create_task(load.create(bench.stack, names, size, rate))
            try:
                await bench.all_in(lambda: _count(names, ready_at), names, advance, "Ready")
                answered = await creating
            finally:
                creating.cancel()
                await asyncio.gather(creating, return_exceptions=True)
        await quiet(operator)
        cost = await meter.stop()
    latencies = [max(ready_at[name] - answered[name], 0.0) for name in names]
    total = max(ready_at[name] for name in names) - begin
    return Figures(scenario, len(names), "pool", total, cost, latencies)


async def at_once(bench: Bench) -> Figures:
    """Pools of one key, all created at once."""
    return await _creation(bench, "at-once", bench.new_names(bench.sizes.pools), 1, None)


async def steady(bench: Bench) -> Figures:
    """Pools of one key, so many a second."""
    return await _creation(bench, "steady", bench.new_names(bench.sizes.steady), 1, bench.sizes.rate)


async def large(bench: Bench) -> Figures:
    """Pools of three keys, all created at once."""
    return await _creation(bench, "large", [f"l{number}" for number in range(bench.sizes.large)], 3, None)


async def rotation(bench: Bench) -> Figures:
    """Every slot of as many pools rotates at once; the replaced keys are revoked in the end."""
    await bench.ensure(bench.sizes.pools)
    observer, names = bench.stack.observer, bench.pools[: bench.sizes.pools]
    async with bench.stack.operator(bench.profile("rotation")) as operator:
        await bench.at_rest(operator)
        observer.replaced_at.clear()
        former = {name: observer.keys[name] for name in names}
        meter, begin = await Meter.start(bench.stack, operator), time.monotonic()
        with bench.teller.phase(f"rotation: {len(names)} slots", len(names)) as advance:
            asked = await load.rotate(bench.stack, names)
            await bench.all_in(lambda: _count(names, observer.replaced_at), names, advance, "replaced")
        with bench.teller.phase("rotation: replaced keys are revoked", len(names)) as advance:
            await bench.all_in(lambda: _settled(former, observer.keys), names, advance, "rid of replaced keys")
        settled = time.monotonic() - begin
        await quiet(operator)
        cost = await meter.stop()
    latencies = [max(observer.replaced_at[name] - asked[name], 0.0) for name in names]
    total = max(observer.replaced_at[name] for name in names) - begin
    return Figures("rotation", len(names), "slot", total, cost, latencies, {"all_revoked_s": settled})


def _settled(former: dict[str, frozenset[str]], now: dict[str, frozenset[str]]) -> int:
    return sum(len(now[name]) == len(before) and not now[name] & before for name, before in former.items())


async def restart(bench: Bench) -> Figures:
    """The operator starts with pools that need nothing: until it has looked at every one."""
    await bench.ensure(bench.sizes.resting)
    pools = len(bench.stack.observer.ready_at)
    with bench.teller.phase(f"restart with {pools} pools"):
        async with bench.stack.operator(bench.profile("restart")) as operator:
            meter = Meter(bench.stack, operator, time.time())
            await operator.ready()
            leading = time.monotonic() - operator.started
            await operator.looked_at(pools, _patience(pools))
            total = time.monotonic() - operator.started
            cost = await meter.stop()
    return Figures("restart", pools, "pool", total, cost, notes={"ready_s": leading})


async def idle(bench: Bench) -> Figures:
    """Nothing happens for a while."""
    await bench.ensure(bench.sizes.resting)
    pools, seconds = len(bench.stack.observer.ready_at), bench.sizes.idle
    async with bench.stack.operator(bench.profile("idle")) as operator:
        with bench.teller.phase(f"idle: until {pools} pools are at rest"):
            await bench.at_rest(operator)
        meter, begin = await Meter.start(bench.stack, operator), time.monotonic()
        with bench.teller.phase(f"idle with {pools} pools", round(seconds)) as advance:
            while (passed := time.monotonic() - begin) < seconds:
                advance(round(passed))
                await asyncio.sleep(min(1.0, seconds - passed))
        cost, rss = await meter.stop(), operator.process.rss()
        total = time.monotonic() - begin
    return Figures("idle", pools, "pool", total, cost, notes={"cores": cost.cpu / total, "rss_bytes": rss})


SCENARIOS: dict[str, Callable[[Bench], Awaitable[Figures]]] = {
    "at-once": at_once,
    "steady": steady,
    "large": large,
    "rotation": rotation,
    "restart": restart,
    "idle": idle,
    "hanging": hanging.measure,
    "holders": holders.measure,
    "scrape": scraping.measure,
}
"""In this order: later ones use the pools of earlier ones, or make what is missing."""
