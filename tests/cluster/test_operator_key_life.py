"""The life of a key in the right order: intent, create, probe, publish, drain, revoke, proof."""

import base64
from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock
from tests.cluster.team import Object, Team, pool_manifest
from tests.cluster.workload import answer_to, works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")

OVERLAP = timedelta(minutes=10)


@pytest.mark.row("NONE", "NEEDED")
async def test_the_name_of_a_key_is_in_the_ledger_before_the_provider_is_asked_for_it(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """The create call hangs before it does anything; meanwhile the ledger is read."""
    simulator.faults.add(Fault(kind="hang", match="create", when="before", seconds=60, count=1))
    await team.apply(pool_manifest())

    async def asked() -> bool:
        return not simulator.faults.active()

    await eventually(asked, 10, "the create call was made")
    pool = await team.pool()
    (intent,) = await ledgers.keys()
    assert (intent["state"], intent.get("value")) == ("intended", None)
    assert "keypool.dev/keys" in pool["metadata"]["finalizers"]
    assert not simulator.record.keys()


@pytest.mark.row("INTENDED", "ANSWERED")
async def test_a_created_key_is_durable_before_it_is_published_and_has_the_name_of_its_intent(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    simulator.faults.add(Fault(kind="hang", match="validate", when="before", seconds=60, count=1))
    await team.apply(pool_manifest())

    async def created() -> list[Object]:
        return await ledgers.keys("chat", "created")

    (key,) = await eventually(created, 10)
    (upstream,) = simulator.record.keys()
    assert (key["name"], key["handle"], key["value"]) == (upstream.name, upstream.id, upstream.value)
    assert await team.secret() is None, "not proven, so not published"


@pytest.mark.row("CREATED", "PROVEN")
async def test_every_key_is_probed_between_its_creation_and_its_publication(team: Team, simulator: Simulator) -> None:
    async with team.history(paths.secrets(team.namespace), "chat") as versions:
        await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}))
        await team.ready()
        first = await team.value()
        await team.annotate("chat", rotate="now")
        await team.changes(first)
        calls = [(call.kind, call.key_id) for call in simulator.record.calls() if call.kind in {"create", "validate"}]
    first_key, second_key = simulator.record.keys()
    ids = {key.value: key.id for key in (first_key, second_key)}
    for secret in versions:
        value = base64.b64decode(secret["data"]["apiKey"]).decode()
        assert calls.index(("create", ids[value])) < calls.index(("validate", ids[value]))
    assert len({secret["data"]["apiKey"] for secret in versions}) == 2


@pytest.mark.row("CREATED", "REJECTED_NEW")
async def test_a_key_that_the_provider_rejects_is_never_published(team: Team, simulator: Simulator) -> None:
    simulator.switches.reject_all = True
    await team.apply(pool_manifest())
    await team.has("chat", "Ready", "False", "NewKeysRejected", deadline=40)
    assert await team.secret() is None
    assert simulator.record.mutations() == {"created": 3, "deleted by api": 3}


async def test_a_key_that_the_provider_accepts_only_after_a_moment_is_not_given_up(
    team: Team, simulator: Simulator
) -> None:
    simulator.switches.activation_lag = 2
    await team.apply(pool_manifest())
    await team.ready()
    assert simulator.record.mutations() == {"created": 1}
    assert len(simulator.record.calls("validate")) > 1


@pytest.mark.row("ACTIVE", "SUPERSEDED")
async def test_a_new_key_serves_before_the_old_one_drains(team: Team, simulator: Simulator) -> None:
    """Make before break: at no version of the Secret does its key not work."""
    await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}))
    await team.ready()
    first = await team.value()
    await team.annotate("chat", rotate="now")
    second = await team.changes(first)

    async def revoked() -> bool:
        return simulator.record.mutations()["deleted by api"] == 1

    await eventually(revoked, 10)
    old, new = simulator.record.keys()
    assert (old.value, new.value) == (first, second)
    proof = simulator.record.calls("validate", since=new.created)[0]
    assert proof.key_id == new.id
    assert old.deleted is not None
    assert new.created <= proof.time < old.deleted


@pytest.mark.row("DRAINING", "UNNEEDED")
async def test_a_replaced_key_works_until_its_overlap_is_over_and_is_dead_afterwards(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    first = await team.value()
    assert first is not None
    await team.annotate("chat", rotate="now")
    second = await team.changes(first)
    await team.until("chat", lambda pool: pool["status"]["counts"]["draining"] == 1)
    clock.advance(OVERLAP - timedelta(seconds=20))
    await team.poke()
    assert (await team.has("chat", "Ready", "True"))["reason"] == "KeysPublished"
    assert await works(simulator, first)
    assert await works(simulator, second)
    clock.advance(timedelta(seconds=21))
    await team.poke()
    await team.until("chat", lambda pool: len(pool["status"]["keys"]) == 1)
    assert await answer_to(simulator, first) == 401
    assert await works(simulator, second)


@pytest.mark.row("REVOKING", "REVOKED")
async def test_a_revocation_is_proven_by_a_probe_of_the_dead_value(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}))
    await team.ready()
    (old,) = simulator.record.keys()
    await team.annotate("chat", compromised="all@now")
    await team.told("KeyRevoked")
    calls = simulator.record.calls()
    after = calls[next(index for index, call in enumerate(calls) if call.kind == "delete") + 1 :]
    assert simulator.record.find(old.id) is None
    # A dead value belongs to no key any more, so the record names none.
    assert any(call.kind == "validate" and call.key_id is None for call in after)


async def test_a_key_whose_deletion_is_not_proven_stays_in_the_ledger(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}, health={"probeEvery": "24h"}))
    await team.ready()
    simulator.faults.add(Fault(kind="status", status=503, match="delete", when="before"))
    await team.annotate("chat", rotate="now")
    told = await team.has("chat", "Revoked", "False", "RevocationPending")
    assert told["message"]
    assert sorted(key["state"] for key in await ledgers.keys()) == ["active", "revoking"]
    simulator.faults.clear()
    await team.has("chat", "Revoked", "True", deadline=20)
    assert len(await ledgers.keys()) == 1


async def test_a_key_that_the_provider_cannot_find_is_not_forgotten_while_its_value_works(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}, health={"probeEvery": "24h"}))
    await team.ready()
    simulator.faults.add(Fault(kind="status", status=404, match="delete", when="before"))
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Revoked", "False", "RevocationPending", saying="still accepts")
    assert sorted(key["state"] for key in await ledgers.keys()) == ["active", "revoking"]
    simulator.faults.clear()
    await team.has("chat", "Revoked", "True", deadline=20)
    assert len(await ledgers.keys()) == len(simulator.record.live_keys()) == 1
