"""What a lost create call may have made when its pool is gone: it would live on for its whole life, and be nobody's."""

from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Options, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import ADMIN_SECRET, PROVIDER, Team, admin_secret, pool_manifest, provider_manifest
from tests.waiting import eventually

DEADLINE = timedelta(seconds=61)
DOWN = Fault(kind="status", status=503, when="before")


@pytest.mark.row("UNRESOLVED", "OVERDUE")
@pytest.mark.row("OWED", "FOUND")
@pytest.mark.row("OWED", "ABSENT")
@pytest.mark.parametrize("way", ["made", "made, and the operator starts again", "never made"])
async def test_a_lost_call_of_a_pool_that_is_gone_is_looked_for_until_a_listing_can_be_had(
    operator: Operator, team: Team, clock: Clock, ledgers: Ledgers, way: str
) -> None:
    """The provider's object and credential are gone, too."""
    made = 0 if way == "never made" else 1
    async with Simulator(Options(names=True)) as simulator:
        simulator.faults.add(Fault(kind="cut", match="create", count=1, when="after" if made else "before"))
        provider = provider_manifest(simulator.url, holySheep={"listsNames": True})
        await team.apply(admin_secret(simulator), provider, pool_manifest())
        await team.has("chat", "Revoked", "False", "AnswerLost")
        simulator.faults.add(DOWN)
        await team.delete()
        clock.advance(DEADLINE)
        await team.poke()
        await team.gone()
        (ledger,) = await ledgers.all()
        assert [(key["state"], key.get("handle")) for key in ledger["keys"]] == [("owed", None)]
        assert len(await ledgers.kept_credentials()) == 1
        assert len(simulator.record.live_keys()) == made
        await team.client.delete(paths.secret(team.namespace, ADMIN_SECRET))
        await team.client.delete(paths.provider(team.namespace, PROVIDER))
        if "again" in way:
            await operator.restart()
        simulator.faults.clear()
        await eventually(lambda: _nothing_is_left(ledgers), 30, "ledger and kept credential are dropped")
        assert simulator.record.mutations() == ({"created": 1, "deleted by api": 1} if made else {})
        assert simulator.record.live_keys() == ()


async def _nothing_is_left(ledgers: Ledgers) -> bool:
    return not await ledgers.all() and not await ledgers.kept_credentials()
