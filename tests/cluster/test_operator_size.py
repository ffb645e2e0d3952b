"""Growing, shrinking and suspending."""

from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.running import Clock
from tests.cluster.team import Team, condition_in, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")

OVERLAP = timedelta(minutes=10)


async def test_growing_adds_keys_and_the_second_secret_and_keeps_what_is_there(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(size=1))
    await team.ready()
    first = await team.value()
    await team.kubectl("scale", "akp/chat", "--replicas=3")
    pool = await team.ready()
    values = await team.pool_values()
    assert len(values) == 3
    assert values[0] == first == await team.value()
    assert pool["status"]["replicas"] == 3
    assert simulator.record.mutations() == {"created": 3}


@pytest.mark.row("ACTIVE", "SLOT_GONE")
async def test_shrinking_keeps_the_first_and_revokes_the_others_after_their_overlap(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=3))
    await team.ready()
    stays, *leave = await team.pool_values()
    await team.kubectl("scale", "akp/chat", "--replicas=1")
    await team.ready()
    assert await team.secret("chat-pool") is None
    assert await team.value() == stays
    assert all([await works(simulator, value) for value in leave]), "they drain"
    clock.advance(OVERLAP + timedelta(seconds=1))
    await team.considered()
    assert {key.value for key in simulator.record.live_keys()} == {stays}


async def test_a_suspended_pool_starts_no_rotation_and_no_growth_until_it_goes_on(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=1, suspend=True, rotation={"every": "1h", "overlap": {"min": "0s"}}))
    await team.has("chat", "Published", "Unknown", "Suspended")
    assert not simulator.record.mutations()
    await team.patch("chat", suspend=False)
    await team.ready()
    first = await team.value()
    await team.patch("chat", suspend=True)
    await team.annotate("chat", rotate="now")
    clock.advance(timedelta(hours=2))
    await team.patch("chat", size=2)
    pool = await team.considered()
    assert await team.value() == first
    assert condition_in(pool, "Ready")["status"] == "True"
    assert pool["status"]["nextAction"] == "suspended"
    assert simulator.record.mutations() == {"created": 1}
    await team.patch("chat", suspend=False)
    await team.changes(first)
    await team.ready()
    assert len(await team.pool_values()) == 2


async def test_a_suspended_pool_revokes_no_draining_key(team: Team, simulator: Simulator, clock: Clock) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    old = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(old)
    await team.patch("chat", suspend=True)
    clock.advance(OVERLAP * 2)
    await team.considered()
    assert await works(simulator, old)
    await team.patch("chat", suspend=False)
    await team.considered()
    assert not await works(simulator, old)


async def test_a_suspended_pool_is_still_repaired(team: Team) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    value = await team.value()
    await team.patch("chat", suspend=True)
    await team.considered()
    await team.client.delete(paths.secret(team.namespace, "chat"))

    async def back() -> bool:
        return await team.value() == value

    await eventually(back, 10)


async def test_a_suspended_pool_can_be_deleted(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(suspend=False))
    await team.ready()
    await team.patch("chat", suspend=True)
    await team.considered()
    await team.delete()
    await team.gone()
    assert not simulator.record.live_keys()
