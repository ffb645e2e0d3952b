"""Plays a scenario with a crash in it, and without one for reference."""

import asyncio
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults import crash_judge as judge
from tests.faults.crash_scenarios import Scenario
from tests.faults.crashing import Point
from tests.faults.stage import SIZE, STEP, Stage
from tests.waiting import PATIENCE

DEADLINE = 30.0 * PATIENCE
"""Seconds for one run. Only an operator that is stuck takes so long."""
IDLE = 0.8
"""Seconds without news after which the operator is taken to wait for a time that can be jumped over."""
LOOK = 0.25
TRIES, REFERENCES = 5, 2
MERGED = 1
"""So many of the effects of a run may come in no run with a crash: on a busy machine two writes become one."""


@dataclass
class Reference:
    """A run without a crash: the effects in their order, and what it came to; another such run had the `fewest`."""

    effects: list[str] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)
    fewest: int = 0

    def points(self) -> list[Point]:
        """Before and after each effect."""
        return [Point(n + 1, phase) for n in range(len(self.effects)) for phase in ("before", "after")]

    def give_up(self, point: Point) -> None:
        """Tells of a point that no run has."""
        unreached = f"{point} is not reached: the runs have fewer effects than the reference"
        assert point.number > self.fewest - MERGED, unreached
        sys.stdout.write(f"{unreached}, and well without it\n")

    def text(self, name: str) -> str:
        """The list of crash points with its length."""
        numbered = (f"  {number}. {label}" for number, label in enumerate(self.effects, start=1))
        head = f"{name}: {len(self.points())} crash points, before and after each of these effects:"
        return "\n".join((head, *numbered)) + "\n"


async def reference_run(stage: Stage, scenario: Scenario) -> Reference:
    """Of `REFERENCES` the one with the most effects. On a busy machine a run may report progress, or begin something
    anew, and then has effects that no other run has: `fewest` says from where on."""
    runs: list[Reference] = []
    for _ in range(TRIES):
        if (reference := await _reference_run(stage, scenario)) is not None:
            runs.append(reference)
        if len(runs) == REFERENCES:
            longest = max(runs, key=lambda run: len(run.effects))
            return replace(longest, fewest=min(len(run.effects) for run in runs))
    raise AssertionError(f"in {TRIES} reference runs the operator lost its Lease, but for {len(runs)}")


async def _reference_run(stage: Stage, scenario: Scenario) -> Reference | None:
    """The effects, until none follows any more; of one process, else None: a successor would not number its own."""
    pool = await prepare(stage, scenario, "reference")
    await stage.supervisor.count(None)
    await scenario.act(stage, pool)
    run = _Run(stage, scenario, pool, None)
    await run.until_settled()
    seen = -1
    while seen != len(stage.supervisor.effects):
        seen = len(stage.supervisor.effects)
        await asyncio.sleep(IDLE)
        stage.supervisor.listen()
    end = await judge.end_state(stage, pool)
    assert end is not None
    reference = Reference(list(stage.supervisor.effects), end)
    await clean_up(stage, scenario, pool)
    return None if run.lost_the_lease else reference


async def crash_runs(
    stage: Stage, scenario: Scenario, reference: Reference, points: deque[Point], missed: Counter[Point]
) -> None:
    """Takes points until there are none left. A run in which two writes became one ends before the last effects: what
    it `missed` is played again, at most `TRIES` times; then there is no such point, if some run without a crash did not
    get there either."""
    await prepare(stage, scenario, "chat")
    while points:
        point = points.popleft()
        pool = await prepare(stage, scenario, f"{point.phase}-{point.number}") if scenario.fresh else "chat"
        await stage.supervisor.count(point)
        await scenario.act(stage, pool)
        try:
            run = _Run(stage, scenario, pool, reference.end, crashes=True)
            await run.until_settled()
            await _judge(stage, scenario, pool)
        except AssertionError as error:
            effect = reference.effects[point.number - 1]
            text = f"{scenario.name}, crash {point.phase} effect {point.number}, {effect}: {error}"
            raise AssertionError(text) from None
        if not run.crashed:
            missed[point] += not run.lost_the_lease
            if missed[point] < TRIES:
                points.append(point)
            else:
                reference.give_up(point)
        await clean_up(stage, scenario, pool)
    judge.no_value_is_logged(stage)


async def prepare(stage: Stage, scenario: Scenario, pool: str) -> str:
    """What stands before the scenario begins: provider and pool, unless they are what it makes."""
    if scenario.creates:
        return pool
    if not scenario.fresh and pool == "reference":
        pool = "chat"
    if not await stage.has_provider():
        await stage.make_provider()
    if scenario.fresh == (pool != "chat") and not await stage.has_pool(pool):
        await stage.make_pool(pool, scenario.spec)
        await _Run(stage, scenario, pool, None, deletes=False).until_settled()
    return pool


async def clean_up(stage: Stage, scenario: Scenario, pool: str) -> None:
    """What a creation made goes again."""
    if scenario.creates:
        await stage.team.delete(pool)
        await _Run(stage, scenario, pool, None, deletes=True).until_settled()
        await stage.drop_provider()


async def _judge(stage: Stage, scenario: Scenario, pool: str) -> None:
    ledger = await stage.ledger(pool)
    orphans, held = judge.orphans(stage, pool, ledger), judge.held(ledger)
    assert orphans <= held, f"{orphans} lost keys live upstream, and {held} intents are held"
    assert held <= (0 if scenario.names else SIZE), f"{held} intents are held"
    keys = stage.made(pool)
    assert judge.most_at_once(keys) <= judge.bound(ledger), "more keys lived at once than may"


class _Run:
    """One run to its end, through at most one crash. `wanted`: the end state that it must come to, any where None;
    `crashes`: it is to end with a crash on the way."""

    def __init__(
        self,
        stage: Stage,
        scenario: Scenario,
        pool: str,
        wanted: dict[str, Any] | None,
        *,
        crashes: bool = False,
        deletes: bool | None = None,
    ) -> None:
        self._stage, self._scenario, self._pool, self._wanted = stage, scenario, pool, wanted
        self._deletes = scenario.deletes if deletes is None else deletes
        self._crashes = crashes
        self._news = self._jumped = self._began = time.monotonic()
        self._latest: object = None
        self.crashed = self.lost_the_lease = False

    async def until_settled(self) -> None:
        """Restarts what ended, and jumps over times at which nothing happens."""
        while not self._is_over(state := await self._look()):
            if time.monotonic() - self._began > DEADLINE:
                difference = judge.difference(state, self._wanted)
                raise AssertionError(f"{difference}; {await self._stage.told(self._pool)}")
            if min(self._idle(), time.monotonic() - self._jumped) > IDLE and not self._deletes:
                await self._stage.pass_time(self._pool)
                self._jumped = time.monotonic()
            await asyncio.sleep(LOOK)

    def _is_over(self, state: dict[str, Any] | None) -> bool:
        """The last crashes come when all is as it should be already: they are waited for."""
        latest = (len(self._stage.supervisor.effects), state, self.crashed)
        if latest != self._latest:
            self._latest, self._news = latest, time.monotonic()
        right = state == self._wanted if self._wanted is not None else judge.is_settled(state, deletes=self._deletes)
        return right and (self.crashed or not self._crashes or self._idle() > 4 * IDLE)

    def _idle(self) -> float:
        return time.monotonic() - self._news

    async def _look(self) -> dict[str, Any] | None:
        supervisor = self._stage.supervisor
        if supervisor.has_ended:
            assert not (supervisor.was_killed and self.crashed), "it crashed twice"
            self.crashed |= supervisor.was_killed
            self.lost_the_lease |= not supervisor.was_killed
            await self._restart()
        return await judge.end_state(self._stage, self._pool)

    async def _restart(self) -> None:
        serving = not self._deletes
        await judge.frozen_state_is_safe(self._stage, self._pool, ends=self._scenario.ends, serving=serving)
        if serving:
            self._stage.supervisor.ahead += STEP
        await self._stage.supervisor.start()
