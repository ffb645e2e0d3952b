"""Keys that die behind our back: withdrawn, replaced, and brought back, while something live is published."""

from dataclasses import replace
from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.running import Clock
from tests.cluster.team import Team, condition_in, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")

AT_ONCE = {"probeEvery": "5s", "failureThreshold": 1}
NO_MORE_KEYS = Fault(kind="throttle", retry_after="1", match="create")


def id_of(simulator: Simulator, value: str) -> str:
    """The provider's id of a key."""
    key = simulator.record.by_value(value)
    assert key is not None
    return key.id


async def end(simulator: Simulator, value: str, what: str) -> None:
    """A key is deleted or disabled, or expires long before it said."""
    if what == "expire":
        await simulator.record.change(id_of(simulator, value), lambda key: replace(key, expires=key.created))
    else:
        await simulator.change_key(id_of(simulator, value), "delete" if what == "delete" else "disable")


async def probe_now(team: Team, clock: Clock) -> None:
    """Lets the probe interval pass."""
    clock.advance(timedelta(seconds=6))
    await team.poke()


@pytest.mark.parametrize("what", ["delete", "disable", "expire"])
@pytest.mark.row("WITHDRAWN", "SUPERSEDED")
async def test_a_spare_key_that_dies_is_replaced_while_the_pool_stays_ready(
    team: Team, simulator: Simulator, clock: Clock, what: str
) -> None:
    await team.apply(pool_manifest(size=2, health=AT_ONCE))
    await team.ready()
    primary, spare = await team.pool_values()
    async with team.history(paths.pools(team.namespace), "chat") as versions:
        await end(simulator, spare, what)
        await probe_now(team, clock)

        async def replaced() -> bool:
            values = await team.pool_values()
            return len(values) == 2 and spare not in values

        await eventually(replaced, 15)
        await team.has("chat", "Healthy", "True")
    assert {condition_in(pool, "Ready")["status"] for pool in versions} == {"True"}
    assert await team.value() == primary
    assert all([await works(simulator, value) for value in await team.values()])
    await team.told("KeyWithdrawn")


@pytest.mark.row("ACTIVE", "FAILED")
async def test_a_dead_spare_is_out_of_the_secret_before_it_is_replaced(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=2, health=AT_ONCE))
    await team.ready()
    primary, spare = await team.pool_values()
    simulator.faults.add(NO_MORE_KEYS)
    await simulator.change_key(id_of(simulator, spare), "disable")
    await probe_now(team, clock)

    async def alone() -> bool:
        return await team.pool_values() == [primary]

    await eventually(alone, 15)
    await team.has("chat", "Healthy", "False")
    assert (await team.condition("chat", "Ready"))["status"] == "True"


@pytest.mark.row("WITHDRAWN", "RECOVERED")
async def test_a_key_that_is_accepted_again_comes_back(team: Team, simulator: Simulator, clock: Clock) -> None:
    await team.apply(pool_manifest(size=2, health=AT_ONCE))
    await team.ready()
    before = await team.pool_values()
    simulator.faults.add(NO_MORE_KEYS)
    await simulator.change_key(id_of(simulator, before[1]), "disable")
    await probe_now(team, clock)

    async def shows(count: int) -> bool:
        return len(await team.pool_values()) == count

    await eventually(lambda: shows(1), 15)
    await simulator.change_key(id_of(simulator, before[1]), "enable")
    await probe_now(team, clock)
    await eventually(lambda: shows(2), 15)
    assert await team.pool_values() == before
    assert simulator.record.mutations() == {"created": 2}


async def test_the_secret_moves_to_a_live_key_when_the_primary_dies(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=2, health=AT_ONCE))
    await team.ready()
    primary, spare = await team.pool_values()
    await simulator.change_key(id_of(simulator, primary), "disable")
    await probe_now(team, clock)
    assert await team.changes(primary) == spare
    await team.has("chat", "Healthy", "True")
    assert await team.value() == spare, "the primary moves only when its key leaves"
    assert primary not in await team.values()


@pytest.mark.parametrize("size", [1, 2])
async def test_the_last_key_stays_published_when_all_are_rejected_until_a_new_one_is_there(
    team: Team, simulator: Simulator, clock: Clock, size: int
) -> None:
    """An outage of the provider may look like this: an empty Secret would help nobody."""
    await team.apply(pool_manifest(size=size, health=AT_ONCE))
    await team.ready()
    before = await team.values()
    simulator.faults.add(NO_MORE_KEYS)
    for value in before:
        await simulator.change_key(id_of(simulator, value), "disable")
    await probe_now(team, clock)
    await team.has("chat", "Ready", "False", "NoLiveKey")
    last = await team.value()
    assert last in before
    await team.client.delete(paths.secret(team.namespace, "chat"))
    assert await team.changes(None) == last, "even this is repaired"
    simulator.faults.clear()
    await team.has("chat", "Ready", "True")
    assert await works(simulator, await team.value())


async def test_rejections_below_the_threshold_change_nothing(team: Team, simulator: Simulator, clock: Clock) -> None:
    await team.apply(pool_manifest(health={"probeEvery": "1h", "failureThreshold": 2}))
    await team.ready()
    value = await team.value()
    assert value is not None
    await simulator.change_key(id_of(simulator, value), "disable")
    clock.advance(timedelta(hours=1, seconds=1))
    await team.poke()
    await team.has("chat", "Healthy", "False", "KeyRejected")
    await simulator.change_key(id_of(simulator, value), "enable")
    clock.advance(timedelta(minutes=7))
    await team.poke()
    await team.has("chat", "Healthy", "True")
    assert await team.value() == value
    assert simulator.record.mutations() == {"created": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=500, match="validate"),
        Fault(kind="throttle", match="validate"),
        Fault(kind="cut", match="validate"),
        Fault(kind="html", match="validate"),
        Fault(kind="truncate", match="validate"),
    ],
    ids=lambda fault: fault.kind,
)
async def test_an_ambiguous_answer_never_counts_against_a_key(
    team: Team, simulator: Simulator, clock: Clock, fault: Fault
) -> None:
    await team.apply(pool_manifest(size=2, health=AT_ONCE))
    await team.ready()
    before = await team.secret()
    asked = len(simulator.record.calls("validate"))
    simulator.faults.add(fault)
    await probe_now(team, clock)

    async def spoilt() -> bool:
        return len(simulator.record.calls("validate")) >= asked + 2

    await eventually(spoilt, 10)
    simulator.faults.clear()
    await team.considered()
    assert await team.secret() == before
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    assert simulator.record.mutations() == {"created": 2}


async def test_a_key_that_is_judged_neither_good_nor_bad_is_told_until_it_is(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(health=AT_ONCE))
    await team.ready()
    simulator.faults.add(Fault(kind="status", status=503, match="validate"))

    async def is_told() -> bool:
        await probe_now(team, clock)
        found = await team.condition("chat", "Healthy")
        return (found["status"], found["reason"]) == ("Unknown", "NoVerdict")

    await eventually(is_told, 40, "several probes brought no verdict")
    simulator.faults.clear()
    await probe_now(team, clock)
    await team.has("chat", "Healthy", "True", deadline=30)
