"""The ledger deleted, edited or damaged: written back, or missed loudly, and published keys are left alone."""

import json

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("bystander", "provider")


async def path_of(team: Team, system: str) -> str:
    """Where the ledger of `chat` is stored."""
    return paths.secret(system, await Ledgers(team, system).name())


async def served(team: Team) -> str:
    """Applies `chat`; its key, published."""
    await team.apply(pool_manifest())
    await team.ready()
    return await team.value() or ""


async def test_a_ledger_deleted_while_the_operator_leads_is_written_back(
    team: Team, system: str, simulator: Simulator
) -> None:
    before = await served(team)
    await team.client.delete(await path_of(team, system))
    await team.annotate("chat", rotate="now")
    after = await team.changes(before)
    await team.told("LedgerTampered")
    values = {key.get("value") for key in await Ledgers(team, system).keys()}
    assert values == {before, after} == {key.value for key in simulator.record.live_keys()}


async def test_a_ledger_edited_while_the_operator_leads_is_written_back(
    team: Team, system: str, simulator: Simulator
) -> None:
    before = await served(team)
    await team.client.patch(await path_of(team, system), {"stringData": {"ledger.json": "{}"}})
    await team.annotate("chat", rotate="now")
    after = await team.changes(before)
    await team.told("LedgerTampered")
    values = {key.get("value") for key in await Ledgers(team, system).keys()}
    assert values == {before, after} == {key.value for key in simulator.record.live_keys()}


async def test_a_damaged_ledger_is_told_without_its_content_and_read_again_once_it_is_mended(
    operator: Operator, team: Team, system: str, simulator: Simulator
) -> None:
    value = await served(team)
    path = await path_of(team, system)
    good = await team.client.get(path)
    await operator.stop()
    garbage = json.dumps({"pool_uid": 7, "canary": value})
    await team.client.patch(path, {"stringData": {"ledger.json": garbage}})
    await operator.start()
    stalled = await team.has("chat", "Stalled", "True", "LedgerUnreadable")
    assert good["metadata"]["name"] in stalled["message"]
    assert value not in json.dumps(await team.pool())
    assert await team.value() == value
    assert (await team.client.get(path))["data"] != good["data"]
    await team.client.patch(path, {"data": good["data"]})
    await team.annotate("chat", rotate="now")
    await team.changes(value, deadline=20)


async def test_a_pool_with_a_damaged_ledger_goes_once_the_ledger_is_deleted(
    operator: Operator, team: Team, system: str
) -> None:
    await served(team)
    path = await path_of(team, system)
    await operator.stop()
    await team.client.patch(path, {"stringData": {"ledger.json": "\x00garbage"}})
    await operator.start()
    await team.has("chat", "Stalled", "True", "LedgerUnreadable")
    await team.delete()
    await team.until("chat", lambda pool: "deletionTimestamp" in pool["metadata"])
    await team.client.delete(path)
    await team.poke()
    await eventually(lambda: _gone(team), 20, "the pool is gone")


async def _gone(team: Team) -> bool:
    await team.gone(deadline=1)
    return True
