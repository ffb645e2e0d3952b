"""What /metrics tells of pools and keys, in a running operator."""

from datetime import timedelta

import pytest

from keypool_lab.simulator import Fault, Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually


async def shows(operator: Operator, text: str, *, present: bool = True) -> None:
    """Waits until /metrics has, or has not, this text in it."""

    async def found() -> bool:
        return (text in operator.replica.metrics.text().decode()) is present

    await eventually(found, 15, f"{text}: {present}")


async def test_the_series_of_a_pool_without_keys_end_with_it(operator: Operator, team: Team) -> None:
    await team.apply(pool_manifest(providerRef={"name": "nobody"}))
    await shows(operator, 'pool="chat"')
    await team.delete()
    await shows(operator, 'pool="chat"', present=False)


@pytest.mark.usefixtures("provider")
async def test_owed_keys_are_counted_after_their_pool_went(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    await shows(operator, "keypool_keys_owed 0.0")
    simulator.faults.add(Fault(kind="status", match="delete", status=503, when="before"))
    await team.delete()
    clock.advance(timedelta(seconds=61))
    await team.gone()
    await shows(operator, "keypool_keys_owed 2.0")
    await shows(operator, 'pool="chat"', present=False)
    simulator.faults.clear()
    await shows(operator, "keypool_keys_owed 0.0")
