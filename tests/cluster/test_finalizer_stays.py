"""`kubectl replace` takes finalizers off: ours comes back, and what the pool's end was to be holds all the same."""

from typing import Any

import pytest

from keypool.cluster import paths
from keypool.reconcile.readings import FINALIZER
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.team import Object, Team, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

BARE: dict[str, Any] = {"metadata": {"finalizers": None}}


def has_it(pool: Object) -> bool:
    """Whether our finalizer is on it."""
    return FINALIZER in (pool["metadata"].get("finalizers") or ())


async def stripped(team: Team, **spec: Any) -> Object:
    """Somebody replaces the pool by its manifest, as `kubectl replace` does: without a finalizer."""
    before = await team.pool()
    manifest = pool_manifest(**spec)
    manifest["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
    return await team.client.replace(paths.pool(team.namespace, "chat"), manifest)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("spec", [{}, {"suspend": True}], ids=["served", "suspended"])
async def test_the_finalizer_comes_back_after_kubectl_replace(team: Team, simulator: Simulator, spec: Any) -> None:
    await team.apply(pool_manifest(**spec | {"suspend": False}))
    await team.ready()
    await stripped(team, **spec)
    await team.until("chat", has_it, 15, "the finalizer is back")
    await team.told("FinalizerMissing")
    assert simulator.record.mutations() == {"created": 1}


@pytest.mark.usefixtures("operator")
async def test_a_pool_whose_finalizer_came_back_waits_for_its_last_key(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(deletionPolicy="RevokeAndWait"))
    await team.ready()
    await stripped(team, deletionPolicy="RevokeAndWait")
    await team.until("chat", has_it, 15, "the finalizer is back")
    simulator.faults.add(Fault(kind="status", status=503, match="delete", when="before"))
    await team.delete()
    await team.has("chat", "Revoked", "False", "RevocationPending")
    simulator.faults.clear()
    await team.gone("chat", 30)
    assert simulator.record.live_keys() == ()


@pytest.mark.usefixtures("operator")
async def test_whoever_takes_it_off_again_and_again_is_told_of_and_costs_few_writes(team: Team) -> None:
    await team.apply(pool_manifest())
    await team.ready()

    async def is_told() -> bool:
        pool = await team.pool()
        if has_it(pool):
            await team.client.patch(paths.pool(team.namespace, "chat"), BARE)
        conditions = {each["type"]: each for each in pool["status"]["conditions"]}
        return bool(conditions.get("Stalled", {}).get("reason") == "FinalizerMissing")

    await eventually(is_told, 30, "the pool says that somebody takes its finalizer off")
    assert (await team.condition("chat", "Ready"))["status"] == "True"


@pytest.mark.parametrize("size", [1, 2])
async def test_a_pool_with_retain_that_went_without_its_finalizer_keeps_keys_and_secrets(
    team: Team, simulator: Simulator, ledgers: Ledgers, make_operator: OperatorMaker, size: int
) -> None:
    """The operator is away while the pool goes, and the garbage collector takes what the pool owned."""
    first = make_operator("first")
    await first.start()
    await team.apply(pool_manifest(size=size, deletionPolicy="Retain"))
    await team.ready()
    values = await team.values()
    await first.stop()
    await team.client.patch(paths.pool(team.namespace, "chat"), BARE)
    await team.delete()
    await team.gone()

    async def collected() -> bool:
        return await team.secret("chat") is None

    await eventually(collected, 30, "the garbage collector takes the Secret")
    await make_operator("second").start()

    async def stands() -> bool:
        return await team.values() == values

    await eventually(stands, 20, "the Secrets stand again")
    secret = await team.secret("chat") or {}
    assert "ownerReferences" not in secret["metadata"]
    assert all([await works(simulator, value) for value in values])

    async def without_values() -> Object | None:
        (found,) = await ledgers.all()
        return found if not any(key.get("value") for key in found["keys"]) else None

    assert (await eventually(without_values) or {})["retained"] is True
    assert simulator.record.mutations() == {"created": size}
