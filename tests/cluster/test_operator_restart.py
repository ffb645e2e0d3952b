"""The operator ends, in order or not, and another one goes on from what is durable."""

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


async def caught(simulator: Simulator) -> None:
    """Waits until the fault that was switched on has met its call."""

    async def used_up() -> bool:
        return not simulator.faults.active()

    await eventually(used_up, 10, "the fault met its call")


async def test_a_restart_writes_nothing_and_changes_no_key(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(size=2, health={"probeEvery": "5s"}))
    await team.ready()
    values, before = await team.values(), await ledgers.versions()
    await operator.restart()
    probes = len(simulator.record.calls("validate"))

    async def probed() -> bool:
        return len(simulator.record.calls("validate")) >= probes + 2

    await eventually(probed, 15, "the new operator looks after the pool")
    assert await ledgers.versions() == before
    assert await team.values() == values
    assert simulator.record.mutations() == {"created": 2}


async def test_what_changed_while_no_operator_ran_is_caught_up_with(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(), pool_manifest("other"))
    await team.ready()
    await team.ready("other")
    value = await team.value()
    await operator.stop()
    await team.client.delete(paths.secret(team.namespace, "chat"))
    await team.delete("other")
    await team.apply(pool_manifest("new"))
    await operator.start()
    await team.ready("new")
    await team.gone("other")

    async def back() -> bool:
        return await team.value() == value

    await eventually(back, 10)
    assert simulator.record.mutations() == {"created": 3, "deleted by api": 1}


async def test_a_create_call_whose_answer_the_operator_did_not_live_to_see_is_held_and_replaced_once(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """The key exists upstream; the provider lists no names, so that nobody can tell which one it is."""
    simulator.faults.add(Fault(kind="hang", match="create", when="after", seconds=60, count=1))
    await team.apply(pool_manifest())
    await caught(simulator)
    await operator.kill()
    await operator.start()
    pool = await team.ready()
    told = await team.has("chat", "Revoked", "False", "AnswerLost")
    assert pool["status"]["counts"]["held"] == 1
    (held,) = await ledgers.keys("chat", "held")
    assert held["name"] in told["message"]
    assert held["name"] in {key.name for key in simulator.record.live_keys()}
    assert simulator.record.mutations() == {"created": 2}
    await team.told("AnswerLost")
    assert await works(simulator, await team.value())


async def test_a_key_that_was_created_and_not_yet_proven_is_taken_over(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind="hang", match="validate", when="before", seconds=60, count=1))
    await team.apply(pool_manifest())
    await caught(simulator)
    await operator.kill()
    assert await team.secret() is None
    await operator.start()
    await team.ready()
    assert simulator.record.mutations() == {"created": 1}


async def test_a_revocation_that_was_cut_off_is_finished(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}))
    await team.ready()
    old = await team.value()
    simulator.faults.add(Fault(kind="hang", match="delete", when="after", seconds=60, count=1))
    await team.annotate("chat", rotate="now")
    await caught(simulator)
    await operator.kill()
    await operator.start()

    async def forgotten() -> bool:
        return len(await ledgers.keys()) == 1

    await eventually(forgotten, 15)
    assert not await works(simulator, old)
    assert await works(simulator, await team.value())
    assert simulator.record.mutations() == {"created": 2, "deleted by api": 1}


async def test_of_two_operators_one_acts_and_the_other_takes_over(
    make_operator: OperatorMaker, team: Team, simulator: Simulator
) -> None:
    first, second = make_operator("first"), make_operator("second")
    await first.start()

    async def leads_and_is_ready() -> bool:
        return first.leads and not first.replica.not_ready()

    await eventually(leads_and_is_ready, 15, "the first leads")
    await second.start()
    assert not second.leads, "it stands by, and is ready all the same"
    await team.apply(pool_manifest())
    await team.ready()
    assert simulator.record.mutations() == {"created": 1}
    value = await team.value()
    await first.stop()

    async def leads() -> bool:
        return second.leads

    await eventually(leads, 10, "the second leads")
    assert second.running
    await team.annotate("chat", rotate="now")
    await team.changes(value)
    assert simulator.record.mutations()["created"] == 2


async def test_a_stopping_operator_finishes_the_create_call_that_is_under_way(
    operator: Operator, team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """The answer takes a second; the key is neither lost nor made twice."""
    simulator.faults.add(Fault(kind="drip", match="create", seconds=0.005, count=1))
    await team.apply(pool_manifest())
    await caught(simulator)
    await operator.stop()
    (key,) = await ledgers.keys()
    assert key["state"] in {"created", "active"}
    await operator.start()
    await team.ready()
    assert simulator.record.mutations() == {"created": 1}
