"""The end of a leadership: a provider that hangs on a call holds up nobody, and what came of the call is found out by
whoever leads next."""

from datetime import timedelta

import pytest

from keypool import leading
from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import PROVIDER, Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "ANSWERS_WITHIN", 0.2)


def hangs(call: str) -> Fault:
    """The provider does what it is asked once, and does not say so."""
    return Fault.model_validate({"kind": "hang", "match": call, "count": 1, "when": "after", "seconds": 3600})


async def asked(simulator: Simulator, call: str, times: int) -> None:
    """Waits for so many calls of a kind."""

    async def so_many() -> bool:
        return len(simulator.record.calls(call)) >= times

    await eventually(so_many, 15, f"{times} calls: {call}")


async def test_a_create_that_hangs_holds_up_no_successor_and_its_late_key_is_found_and_revoked(
    *, operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    """Calls beside it that were answered are recorded: their keys serve."""
    await team.client.patch(paths.provider(team.namespace, PROVIDER), {"spec": {"exclusiveAccount": True}})
    simulator.faults.add(hangs("create"))
    await team.apply(pool_manifest(size=2))
    await asked(simulator, "create", 2)
    await eventually(lambda: ledgers.keys("chat", "created", "active"), 15, "the other key is recorded")
    await operator.stop()
    (lost,) = await ledgers.keys("chat", "intended")
    assert "handle" not in lost, "its call was cut off before it ran out of time"
    (known,) = [key["handle"] for key in await ledgers.keys("chat", "created", "active")]
    (late,) = [key.id for key in simulator.record.live_keys() if key.id != known]
    await operator.start()

    async def is_settled() -> bool:
        clock.advance(timedelta(seconds=31))
        await team.poke()
        live = [key.id for key in simulator.record.live_keys()]
        return late not in live and known in live and len(await ledgers.keys()) == len(live) == 2

    await eventually(is_settled, 30, "the late key is found and revoked, and the slot has another one")
    await team.ready()
    assert simulator.record.mutations() == {"created": 3, "deleted by api": 1}


async def test_a_revocation_that_hangs_holds_up_no_successor_and_is_proven_by_it(
    *, operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    simulator.faults.add(hangs("delete"))
    await team.delete()
    await asked(simulator, "delete", 1)
    await operator.stop()
    assert [key["state"] for key in await ledgers.keys()] == ["revoking"]
    await operator.start()
    await team.gone(deadline=30)
    assert not simulator.record.live_keys()
    assert simulator.record.mutations() == {"created": 1, "deleted by api": 1}
