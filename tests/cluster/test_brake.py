"""A provider that rejects most keys at once and lists them as active is wrong; one that really lost them is not."""

from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import PROVIDER, Team, condition_in, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

AT_ONCE = {"probeEvery": "5s", "failureThreshold": 1}
POOLS = ("chat", "batch")


async def two_pools(team: Team) -> set[str]:
    """Two pools with two keys each; the values."""
    await team.apply(*(pool_manifest(name, size=2, health=AT_ONCE) for name in POOLS))
    for name in POOLS:
        await team.ready(name)
    return await team.values("chat") | await team.values("batch")


async def probe_now(team: Team, clock: Clock) -> None:
    """Lets the probe interval pass for both pools."""
    clock.advance(timedelta(seconds=6))
    for name in POOLS:
        await team.poke(name)


async def provider_condition(team: Team, kind: str) -> dict[str, object]:
    """A condition of the KeyProvider, {} when it is absent."""
    return condition_in(await team.client.get(paths.provider(team.namespace, PROVIDER)), kind)


async def test_a_provider_that_rejects_everything_stops_minting_and_withdrawing_until_a_key_works_again(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    values = await two_pools(team)
    simulator.switches.reject_all = True
    await probe_now(team, clock)
    for name in POOLS:
        await team.has(name, "Healthy", "False", "MostKeysRejected")
    engaged = await provider_condition(team, "Healthy")
    assert (engaged["status"], engaged["reason"]) == ("False", "MostKeysRejected")
    await team.told("MostKeysRejected", PROVIDER)
    created = simulator.record.mutations()["created"]
    withdrawn = [key for name in POOLS for key in await ledgers.keys(name, "withdrawn")]
    assert len(withdrawn) <= 2
    assert created <= 4 + len(withdrawn)

    await operator.restart()
    for _ in range(3):
        asked = len(simulator.record.calls("validate"))
        await probe_now(team, clock)
        await eventually(lambda: _asked(simulator, asked + 4), 10, "every key is probed")  # noqa: B023
    for name in POOLS:
        await team.has(name, "Healthy", "False", "MostKeysRejected")
        assert (await team.condition(name, "Ready"))["status"] == "Unknown"
    assert simulator.record.mutations()["created"] == created
    assert len([key for name in POOLS for key in await ledgers.keys(name, "withdrawn")]) == len(withdrawn)
    assert {key.value for key in simulator.record.live_keys()} >= values

    simulator.switches.reject_all = False
    await probe_now(team, clock)
    for name in POOLS:
        await team.has(name, "Healthy", "True")
    await eventually(lambda: _released(team), 10, "the KeyProvider shows that the brake is released")
    for name in POOLS:
        await team.considered(name)
    assert simulator.record.mutations()["created"] == created, "the end of it replaces nothing"


async def _asked(simulator: Simulator, count: int) -> bool:
    return len(simulator.record.calls("validate")) >= count


async def _released(team: Team) -> bool:
    return await provider_condition(team, "Healthy") == {}


@pytest.mark.row("WITHDRAWN", "GONE_UPSTREAM")
@pytest.mark.row("DRAINING", "GONE_UPSTREAM")
async def test_keys_that_are_really_gone_are_replaced_and_forgotten_whatever_their_number(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    values = await two_pools(team)
    gone = [key for key in simulator.record.live_keys() if key.value != await team.value("batch")]
    for key in gone:
        await simulator.change_key(key.id, "delete")
    await probe_now(team, clock)

    async def healed() -> bool:
        now = await team.values("chat") | await team.values("batch")
        return len(now) == 4 and len(now & values) == 1

    await eventually(healed, 20, "three keys are replaced")

    async def forgotten() -> bool:
        for name in POOLS:
            await team.poke(name)
        keys = [key for name in POOLS for key in await ledgers.keys(name)]
        return [key["state"] for key in keys] == ["active"] * 4

    await eventually(forgotten, 20, "what is gone upstream is forgotten long before its overlap is over")
    assert simulator.record.mutations() == {"created": 7, "deleted by outside": 3}
    assert simulator.record.calls("delete") == ()
