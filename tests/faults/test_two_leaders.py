"""Two replicas: one acts, whatever becomes of it. The provider's record and the ledgers judge."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Options, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.rights import ACCOUNT
from tests.cluster.team import Team
from tests.faults.crowd import (
    MOST_LIVE,
    NAMES,
    apply_crowd,
    most_live_at_once,
    not_ready,
    rotate_all,
    unknown_keys,
    watching_secrets,
)
from tests.faults.processes import Process, lease, replica
from tests.waiting import eventually

KILLS, EVERY = 12, 10.0
SHORT = lease(4)
LATENCY = 0.2
CONVERGES = 60.0
AT_THE_DOOR = 1
"""Requests that one process, of one thread, can have had between its last question for leave and the first byte (some
60 µs) when it was stopped: no program can take that one back. docs/design.md says what makes it harmless."""

Start = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
async def kubeconfig(control_plane: Cluster, system: str) -> Path:
    """The operator's kubeconfig."""
    return await control_plane.kubeconfig_for(system, ACCOUNT)


@pytest.fixture
def start(kubeconfig: Path, system: str, team: Team) -> Start:
    """`async with start(settings)`: a replica."""
    return lambda settings=None: replica(kubeconfig, system, team.namespace, settings)


async def all_ready(team: Team) -> bool:
    assert not await not_ready(team)
    return True


async def passed(one: Process) -> bool:
    return await one.pools_passed() >= len(NAMES)


def mutations(simulator: Simulator, since: float, until: float) -> list[str]:
    """The creates and deletes that the provider decided on in between."""
    calls = simulator.record.calls("create", since) + simulator.record.calls("delete", since)
    return [call.kind for call in calls if call.time < until]


@pytest.mark.long
async def test_the_leader_is_killed_every_ten_seconds_while_fifty_pools_rotate_and_no_invariant_breaks(
    start: Start, system: str, team: Team
) -> None:
    ledgers = Ledgers(team, system)
    async with AsyncExitStack() as ends:
        simulator = await ends.enter_async_context(Simulator(Options(names=True, latency=LATENCY)))
        published = await ends.enter_async_context(watching_secrets(team))
        leader = await ends.enter_async_context(start(SHORT))
        await leader.leads()
        await apply_crowd(team, simulator)
        standby = await ends.enter_async_context(start(SHORT))
        await eventually(lambda: all_ready(team), CONVERGES, "every pool is Ready")
        for number in range(KILLS):
            led_until = time.monotonic() + EVERY
            await rotate_all(team, str(number))
            assert not await unknown_keys(simulator, ledgers)
            await asyncio.sleep(max(led_until - time.monotonic(), 0))
            killed = await leader.kill()
            leader = standby
            acted = mutations(simulator, killed + LATENCY + 0.5, await leader.leads())
            assert not acted, "nobody acts while nobody leads"
            assert not await unknown_keys(simulator, ledgers)
            standby = await ends.enter_async_context(start(SHORT))
        await eventually(lambda: all_ready(team), CONVERGES, "every pool is Ready")
        await eventually(lambda: only_published_live(published.now, simulator), CONVERGES, "what lives is published")
        keys = simulator.record.keys()
        assert not published.revoked_too_early(keys)
        crowded = {pool: most for pool, most in most_live_at_once(keys).items() if most > MOST_LIVE}
        assert not crowded
        print(f"\nkilled {KILLS} leaders; keys created: {len(keys)}, live at the end: {len(NAMES)}")  # noqa: T201


async def only_published_live(published: dict[str, str], simulator: Simulator) -> bool:
    live = [key.value for key in simulator.record.live_keys()]
    return len(live) == len(NAMES) and set(live) == set(published.values())


@pytest.mark.long
async def test_after_a_kill_and_after_sigterm_the_standby_passes_over_every_pool_and_no_key_is_made_twice(
    start: Start, team: Team
) -> None:
    """With the Lease's timings of production; the second half is a rolling update while all pools rotate."""
    async with AsyncExitStack() as ends:
        simulator = await ends.enter_async_context(Simulator(Options(names=True)))
        first = await ends.enter_async_context(start())
        await first.leads()
        await apply_crowd(team, simulator)
        second = await ends.enter_async_context(start())
        await eventually(lambda: all_ready(team), CONVERGES, "every pool is Ready")
        await second.logged("serving")
        killed = first.send(signal.SIGKILL)
        await eventually(lambda: passed(second), 30, "the second replica passed over every pool")
        print(f"\nafter SIGKILL every pool was passed over within {time.time() - killed:.1f} s")  # noqa: T201
        third = await ends.enter_async_context(start())
        await third.logged("waiting for the Lease")
        unready: list[str] = []
        looking = asyncio.create_task(note_unready(team, unready))
        assert len(simulator.record.keys()) == len(NAMES), "taking over makes no key"
        await rotate_all(team, "now")
        stopped = second.send(signal.SIGTERM)
        await eventually(lambda: passed(third), 15, "the third replica passed over every pool")
        print(f"after SIGTERM every pool was passed over within {time.time() - stopped:.1f} s")  # noqa: T201
        await eventually(lambda: rotated(simulator), CONVERGES, "the rotation is finished")
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        assert await second.exit_code() == 0
        assert not unready, "all pools stayed Ready"
        assert len(simulator.record.keys()) == 2 * len(NAMES), "no key was made twice"


async def note_unready(team: Team, unready: list[str]) -> None:
    while True:
        unready += await not_ready(team)
        await asyncio.sleep(0.3)


@pytest.mark.long
@pytest.mark.row("INTENDED", "LOST")
async def test_a_leader_that_was_paused_beyond_its_lease_wakes_up_and_does_nothing_but_end(
    start: Start, system: str, team: Team
) -> None:
    ledgers = Ledgers(team, system)
    async with Simulator(Options(names=True, latency=LATENCY)) as simulator, start(SHORT) as paused:
        await paused.leads()
        await apply_crowd(team, simulator)
        await eventually(lambda: all_ready(team), CONVERGES, "every pool is Ready")
        made = len(simulator.record.keys())
        rotating = asyncio.create_task(rotate_all(team, "now"))
        await eventually(lambda: more_than(made, simulator), 15, "the rotation has begun")
        paused.send(signal.SIGSTOP)
        await rotating
        await asyncio.sleep(5)  # the Lease of 4 s runs out; what was sent before has arrived
        keys, versions = simulator.record.mutations(), await ledgers.versions()
        paused.send(signal.SIGCONT)
        assert await paused.exit_code() == 1
        late = [*(simulator.record.mutations() - keys).elements(), *changed(versions, await ledgers.versions())]
        assert len(late) <= AT_THE_DOOR, "nothing changed upstream, nothing was written in the cluster"
        async with start(SHORT) as other:
            await other.leads()
            await eventually(lambda: rotated(simulator), CONVERGES, "another leader finishes the rotation")
            await eventually(lambda: all_ready(team), CONVERGES, "every pool is Ready")
            assert not await unknown_keys(simulator, ledgers)


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The paths whose objects are new, gone, or of another version."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


async def more_than(count: int, simulator: Simulator) -> bool:
    return len(simulator.record.keys()) > count


async def rotated(simulator: Simulator) -> bool:
    first = simulator.record.keys()[: len(NAMES)]
    return all(key.deleted is not None for key in first) and len(simulator.record.live_keys()) == len(NAMES)
