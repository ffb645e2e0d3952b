"""A create call whose answer was lost: its key is counted, found where that is possible, and never anybody else's."""

from datetime import timedelta
from itertools import count

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock
from tests.cluster.team import PROVIDER, Team, pool_manifest
from tests.contract.simulator_client import client_of
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")

LOST = Fault(kind="cut", match="create", count=1)
NEVER_MADE = Fault(kind="cut", match="create", count=1, when="before")


async def later(team: Team, clock: Clock, seconds: int) -> None:
    """Time passes, and the operator looks at the pool."""
    clock.advance(timedelta(seconds=seconds))
    await team.poke()


async def exclusive(team: Team, *, so: bool = True) -> None:
    """Somebody says that nothing else makes keys in the account, or that something does."""
    await team.client.patch(paths.provider(team.namespace, PROVIDER), {"spec": {"exclusiveAccount": so}})


@pytest.mark.row("HELD", "FOUND")
@pytest.mark.row("UNRESOLVED", "UNFINDABLE")
async def test_held_keys_are_found_and_revoked_once_the_account_is_said_to_be_ours_alone(
    team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    """Both calls made a key: two in one slot stop it, and a second pool goes on beside them."""
    await team.apply(pool_manifest("other", size=2))
    await team.ready("other")
    simulator.faults.add(LOST.model_copy(update={"count": 2}))
    await team.apply(pool_manifest())
    await eventually(lambda: _held(ledgers, 1), 10, "the first answer is lost")
    await later(team, clock, 30)
    await eventually(lambda: _held(ledgers, 2), 10, "the second one, too")
    assert not await team.condition("chat", "Stalled"), "a listing may yet tell"
    await later(team, clock, 15 * 60)
    await team.has("chat", "Stalled", "True", "AnswerLost")
    assert len(simulator.record.calls("create")) == 4
    lost = [key for key in simulator.record.live_keys() if key.value not in await team.values("other")]

    await team.considered()
    assert simulator.record.calls("delete") == (), "a key of unknown origin is nobody's to revoke"

    listings = len(simulator.record.calls("list"))
    await exclusive(team)
    await team.poke()
    await eventually(lambda: _listed(simulator, listings + 2), 10, "the account is listed to look for the keys")
    await team.considered()
    await later(team, clock, 31)
    await team.ready()
    await eventually(lambda: _all_gone(simulator, [key.id for key in lost]), 10, "the lost keys are revoked")
    assert len(await ledgers.keys()) == 1
    assert {key.value for key in simulator.record.live_keys()} == await team.values() | await team.values("other")
    assert simulator.record.mutations() == {"created": 5, "deleted by api": 2}


@pytest.mark.row("HELD", "ABSENT")
@pytest.mark.parametrize("size", [1, 2])
async def test_three_503s_to_create_calls_stop_no_slot_of_a_pool_that_works(
    team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers, size: int
) -> None:
    """Somebody else makes keys in the account, too; its listing shows that the calls made none."""
    async with client_of(simulator.url, simulator.admin_key) as somebody:
        await somebody.create()
    await team.apply(pool_manifest(size=size))
    await team.ready()
    before = await team.value()
    simulator.faults.add(Fault(kind="status", status=503, match="create", count=3, when="before"))
    await team.annotate("chat", rotate="now")

    # The looks at what is in doubt come at twice the distance each, to an hour: keys must not expire meanwhile.
    steps = (min(45 * 2**number, 3600) for number in count())

    async def nothing_is_held() -> bool:
        await later(team, clock, next(steps))
        await team.considered()
        return await team.value() != before and not await ledgers.keys("chat", "held")

    await eventually(nothing_is_held, 20, "another key is published, and the calls are forgotten")
    assert not await team.condition("chat", "Stalled")
    made = [call for call in simulator.record.calls("create") if call.fault is None]
    assert len(made) == 1 + 2 * size, "no key more than were asked for"


@pytest.mark.row("UNRESOLVED", "FOUND")
@pytest.mark.row("UNRESOLVED", "ABSENT")
async def test_in_an_account_of_ours_alone_a_lost_key_is_found_before_its_slot_gets_another_one(
    team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    await exclusive(team)
    simulator.faults.add(LOST)
    simulator.faults.add(NEVER_MADE)
    await team.apply(pool_manifest(size=2))
    await eventually(lambda: _unresolved(ledgers, 2), 10, "both answers are lost")
    listings = len(simulator.record.calls("list"))
    await later(team, clock, 40)
    await eventually(lambda: _listed(simulator, listings + 1), 10, "a first listing")
    await later(team, clock, 40)
    await team.ready()
    assert simulator.record.mutations() == {"created": 3, "deleted by api": 1}
    assert {key.value for key in simulator.record.live_keys()} == await team.values()


@pytest.mark.row("HELD", "CLEARED")
async def test_a_key_of_somebody_else_survives_a_lost_answer_and_all_that_follows(
    team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    async with client_of(simulator.url, simulator.admin_key) as somebody:
        theirs = (await somebody.create())["id"]
    simulator.faults.add(LOST)
    await team.apply(pool_manifest())
    await eventually(lambda: _held(ledgers, 1), 10, "the answer is lost")
    await later(team, clock, 30)
    await team.ready()
    assert len(await ledgers.keys("chat", "held")) == 1
    await later(team, clock, 120)
    await team.annotate("chat", **{"clear-lost": "all@looked"})
    await team.has("chat", "Revoked", "True")
    await team.delete()
    await team.gone()
    assert simulator.record.find(theirs) is not None
    assert simulator.record.mutations() == {"created": 3, "deleted by api": 1}


async def test_an_activation_lag_of_some_seconds_costs_no_key(team: Team, simulator: Simulator) -> None:
    simulator.switches.activation_lag = 2.0
    await team.apply(pool_manifest(size=2))
    await team.ready()
    assert simulator.record.mutations() == {"created": 2}


async def _listed(simulator: Simulator, count: int) -> bool:
    return len(simulator.record.calls("list")) >= count


async def _all_gone(simulator: Simulator, key_ids: list[str]) -> bool:
    return all(simulator.record.find(key_id) is None for key_id in key_ids)


async def _held(ledgers: Ledgers, count: int) -> bool:
    return len(await ledgers.keys("chat", "held")) == count


async def _unresolved(ledgers: Ledgers, count: int) -> bool:
    return len(await ledgers.keys("chat", "unresolved")) == count
