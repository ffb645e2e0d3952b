"""Keys that could not be revoked when their pool went: remembered, with what is needed to revoke them later."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import ADMIN_SECRET, PROVIDER, Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

DEADLINE = timedelta(seconds=61)
WATCHED = 10.0
"""Seconds for which calls are counted where there should be few."""
DOWN = Fault(kind="status", status=503, when="before")


async def lose_the_provider_and_delete(team: Team, simulator: Simulator, clock: Clock) -> None:
    """A pool with two keys goes while the provider is down."""
    await team.apply(pool_manifest(size=2))
    await team.ready()
    simulator.faults.add(DOWN)
    await team.delete()
    await team.has("chat", "Revoked", "False", "RevocationPending")
    clock.advance(DEADLINE)
    await team.poke()
    await team.gone()


async def settled(ledgers: Ledgers) -> None:
    """Waits until no ledger and no kept credential is left."""

    async def nothing() -> bool:
        return not await ledgers.all() and not await ledgers.kept_credentials()

    await eventually(nothing, 30, "ledger and kept credential are dropped")


async def test_before_the_deadline_the_pool_waits_for_its_keys(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    simulator.faults.add(DOWN)
    await team.delete()
    await team.has("chat", "Revoked", "False", "RevocationPending")
    clock.advance(DEADLINE - timedelta(seconds=15))
    await team.poke()
    await team.considered()
    assert await team.secret() is None, "nothing new reads a dying key"
    simulator.faults.clear()
    await team.gone("chat", 20)
    assert simulator.record.live_keys() == ()


@pytest.mark.row("REVOKING", "OVERDUE")
@pytest.mark.row("OWED", "REVOKED")
async def test_after_the_deadline_the_pool_goes_and_its_keys_are_owed_and_revoked_later(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    await lose_the_provider_and_delete(team, simulator, clock)
    (ledger,) = await ledgers.all()
    assert [key["state"] for key in ledger["keys"]] == ["owed", "owed"]
    assert len(await ledgers.kept_credentials()) == 1
    assert await team.secret() is None
    assert len(simulator.record.live_keys()) == 2
    await team.told("KeysOwed")
    simulator.faults.clear()
    await settled(ledgers)
    assert simulator.record.live_keys() == ()


async def test_owed_keys_are_tried_again_with_growing_pauses(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock
) -> None:
    await lose_the_provider_and_delete(team, simulator, clock)
    before = len(simulator.record.calls("delete"))
    await asyncio.sleep(WATCHED)
    assert len(simulator.record.calls("delete")) - before <= 8, "two keys, at 1, 2, 4 and 8 seconds"


async def _without_provider(team: Team, operator: Operator) -> None:
    await team.client.delete(paths.secret(team.namespace, ADMIN_SECRET))
    await team.client.delete(paths.provider(team.namespace, PROVIDER))


async def _restarted(team: Team, operator: Operator) -> None:
    await operator.restart()


async def _restarted_without_provider(team: Team, operator: Operator) -> None:
    await _without_provider(team, operator)
    await operator.restart()


@pytest.mark.parametrize("meanwhile", [_without_provider, _restarted, _restarted_without_provider])
async def test_owed_keys_are_revoked_whatever_happened_meanwhile(
    operator: Operator,
    team: Team,
    simulator: Simulator,
    clock: Clock,
    ledgers: Ledgers,
    *,
    meanwhile: Callable[[Team, Operator], Awaitable[None]],
) -> None:
    await lose_the_provider_and_delete(team, simulator, clock)
    await meanwhile(team, operator)
    simulator.faults.clear()
    await settled(ledgers)
    assert simulator.record.live_keys() == ()


async def test_what_is_kept_for_no_ledger_is_dropped_by_the_next_leader(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    """As where a leader dies between a ledger that it drops and the credential that was kept for it."""
    await lose_the_provider_and_delete(team, simulator, clock)
    assert len(await ledgers.kept_credentials()) == 1
    await operator.stop()
    (ledger,) = await ledgers.all()
    await team.client.delete(paths.secret(ledgers.namespace, f"keypool-ledger-{ledger['pool_uid']}"))
    simulator.faults.clear()
    await operator.start()
    await settled(ledgers)


async def test_a_new_pool_of_the_same_name_does_not_mix_with_owed_keys(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    await lose_the_provider_and_delete(team, simulator, clock)
    simulator.faults.clear()
    await team.apply(pool_manifest())
    await team.ready(deadline=30)

    async def only_one() -> bool:
        return len(simulator.record.live_keys()) == 1

    await eventually(only_one, 30)
    assert await team.values() == {key.value for key in simulator.record.live_keys()}

    async def only_its_ledger() -> bool:
        return len(await ledgers.all()) == 1

    await eventually(only_its_ledger, 30, "the old ledger is dropped")


async def test_what_goes_while_no_operator_runs_does_not_take_the_way_to_the_keys_along(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    """The first attempt to revoke has failed; then, before the deadline, provider object and credential go."""
    await team.apply(pool_manifest())
    await team.ready()
    simulator.faults.add(DOWN)
    await team.delete()
    await team.has("chat", "Revoked", "False", "RevocationPending")
    await operator.stop()
    await _without_provider(team, operator)
    await operator.start()
    clock.advance(DEADLINE)
    await team.poke()
    await team.gone()
    simulator.faults.clear()
    await settled(ledgers)
    assert simulator.record.live_keys() == ()


@pytest.mark.row("HELD", "OVERDUE")
@pytest.mark.row("OWED", "HOLD_ENDED")
async def test_a_key_that_nobody_can_find_is_owed_until_it_must_have_expired(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    """The answer to its create call was lost, and then the pool is deleted."""
    simulator.faults.add(Fault(kind="cut", match="create", count=1))
    await team.apply(pool_manifest())
    await team.ready()
    await team.delete()
    clock.advance(DEADLINE)
    await team.poke()
    await team.gone()
    (ledger,) = await ledgers.all()
    assert [(key["state"], key.get("handle")) for key in ledger["keys"]] == [("owed", None)]
    assert [key.name for key in simulator.record.live_keys()] == [ledger["keys"][0]["name"]]
    clock.advance(timedelta(days=29))
    await operator.restart()
    assert await ledgers.all() == [ledger]
    clock.advance(timedelta(days=2))
    await operator.restart()
    await settled(ledgers)
