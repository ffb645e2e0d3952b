"""A pool that is deleted: its keys are revoked, or left on purpose."""

from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock
from tests.cluster.team import ADMIN_SECRET, PROVIDER, Object, Team, condition_in, pool_manifest, provider_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")


async def no_ledger_is_left(ledgers: Ledgers) -> None:
    """Waits for it: the ledger is dropped after the pool is gone."""

    async def none() -> bool:
        return not await ledgers.all()

    await eventually(none, 10, "no ledger is left")


@pytest.mark.row("ACTIVE", "POOL_DELETED")
async def test_deletion_revokes_every_key_and_leaves_nothing_behind(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    await team.annotate("chat", rotate="now")
    await team.changes(await team.value())
    await team.delete()
    await team.gone()
    assert simulator.record.live_keys() == ()
    assert await team.secret("chat") is None
    assert await team.secret("chat-pool") is None
    assert await team.secret("chat-relay") is None
    await no_ledger_is_left(ledgers)
    assert not await ledgers.kept_credentials()


async def test_kubectl_can_wait_for_ready_and_for_deletion(team: Team) -> None:
    await team.apply(pool_manifest())
    await team.kubectl("wait", "--for=condition=Ready", "akp/chat", "--timeout=20s")
    await team.kubectl("delete", "akp/chat", "--wait=false")
    await team.kubectl("wait", "--for=delete", "akp/chat", "--timeout=20s")


async def test_a_pool_without_keys_goes_at_once(team: Team, simulator: Simulator, ledgers: Ledgers) -> None:
    simulator.faults.add(Fault(kind="throttle", match="create", retry_after="60"))
    await team.apply(pool_manifest())
    await team.has("chat", "Ready", "False", "ProviderThrottled")
    await team.delete()
    await team.gone()
    await no_ledger_is_left(ledgers)


async def test_a_namespace_with_everything_in_it_goes_and_its_keys_are_revoked(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """The provider object and the admin Secret go along, in any order."""
    await team.apply(pool_manifest("one", size=2), pool_manifest("two"))
    await team.ready("one")
    await team.ready("two")
    await team.kubectl("delete", "namespace", team.namespace, "--wait=false")
    await team.gone("one", 20)
    await team.gone("two", 20)
    await no_ledger_is_left(ledgers)
    assert simulator.record.live_keys() == ()
    await team.kubectl("wait", "--for=delete", f"namespace/{team.namespace}", "--timeout=40s")
    await team.kubectl("create", "namespace", team.namespace)


async def test_revoke_and_wait_keeps_the_pool_until_every_key_is_revoked(
    team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest(deletionPolicy="RevokeAndWait"))
    await team.ready()
    simulator.faults.add(Fault(kind="status", status=503, match="delete", when="before"))
    await team.delete()
    await team.has("chat", "Revoked", "False", "RevocationPending")
    clock.advance(timedelta(minutes=10))
    pool = await team.considered()
    assert condition_in(pool, "Ready")["reason"] == "Deleting"
    assert pool["status"]["counts"]["revoking"] == 1
    simulator.faults.clear()
    await team.gone("chat", 30)
    assert simulator.record.live_keys() == ()
    await no_ledger_is_left(ledgers)


@pytest.mark.row("REVOKING", "REVOKE_REFUSED")
async def test_revoke_and_wait_waits_also_for_a_key_that_the_provider_refuses_to_delete(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(deletionPolicy="RevokeAndWait"))
    await team.ready()
    simulator.faults.add(Fault(kind="status", status=422, match="delete", when="before"))
    await team.delete()
    await team.has("chat", "Revoked", "False", "RevocationRefused")
    pool = await team.considered()
    assert pool["status"]["counts"]["owed"] == 1
    simulator.faults.clear()
    await team.gone("chat", 30)
    assert simulator.record.live_keys() == ()


@pytest.mark.parametrize("cascade", ["background", "foreground"])
async def test_retain_leaves_keys_and_secrets_and_a_record_without_values(
    team: Team, simulator: Simulator, ledgers: Ledgers, cascade: str
) -> None:
    """In the foreground, the garbage collector deletes the Secrets before the operator can take its reference off."""
    await team.apply(pool_manifest(size=2, deletionPolicy="Retain"))
    await team.ready()
    values = await team.values()
    await team.kubectl("delete", "apikeypool", "chat", f"--cascade={cascade}", "--wait=false")
    await team.gone()
    assert await team.values() == values
    for name in ("chat", "chat-pool", "chat-relay"):
        secret = await team.secret(name)
        assert secret is not None
        assert "ownerReferences" not in secret["metadata"]
        assert not [label for label in secret["metadata"].get("labels") or {} if label.startswith("keypool.dev/")]
    assert all([await works(simulator, value) for value in values])

    async def without_values() -> Object | None:
        (tombstone,) = await ledgers.all()
        return tombstone if not any(key.get("value") for key in tombstone["keys"]) else None

    tombstone = await eventually(without_values) or {}
    assert tombstone["retained"] is True
    assert {key.name for key in simulator.record.live_keys()} == {key["name"] for key in tombstone["keys"]}


async def test_a_new_pool_of_the_same_name_adopts_nothing_of_the_retained_one(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(deletionPolicy="Retain"))
    await team.ready()
    value = await team.value()
    await team.delete()
    await team.gone()
    await team.apply(pool_manifest())
    await team.has("chat", "Stalled", "True", "SecretForeign")
    assert await team.value() == value
    assert simulator.record.mutations() == {"created": 1}


async def test_the_provider_object_and_its_secret_may_go_first(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """What the operator knows of the provider outlives its object as long as keys are to be revoked there."""
    await team.apply(pool_manifest())
    await team.ready()
    await team.client.delete(paths.secret(team.namespace, ADMIN_SECRET))
    await team.client.delete(paths.provider(team.namespace, PROVIDER))
    await team.delete()
    await team.gone()
    assert simulator.record.live_keys() == ()
    await no_ledger_is_left(ledgers)


async def test_finalizers_of_others_are_left_alone(team: Team, simulator: Simulator, ledgers: Ledgers) -> None:
    manifest = pool_manifest()
    manifest["metadata"]["finalizers"] = ["example.com/other"]
    await team.apply(manifest)
    await team.ready()
    await team.delete()
    await team.until("chat", lambda pool: pool["metadata"]["finalizers"] == ["example.com/other"])
    assert simulator.record.live_keys() == ()
    await team.client.patch(paths.pool(team.namespace, "chat"), {"metadata": {"finalizers": None}})
    await team.gone()
    await no_ledger_is_left(ledgers)
    assert simulator.record.mutations() == {"created": 1, "deleted by api": 1}


async def test_a_provider_object_that_is_deleted_and_made_again_gets_keys_of_its_own(
    team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    """The pool goes on with the old keys meanwhile; they are revoked after their overlap, and what was kept for that
    goes with the last of them."""
    await team.apply(pool_manifest(size=2))
    await team.ready()
    before = await team.values()
    await team.client.delete(paths.provider(team.namespace, PROVIDER))
    await team.has("chat", "Stalled", "True", "ProviderNotFound")
    assert await team.values() == before
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    assert len(await ledgers.kept_credentials()) == 1
    await team.apply(provider_manifest(simulator.url))

    async def replaced() -> bool:
        return len(await team.values() - before) == 2

    await eventually(replaced, 20)
    assert "(provider object made anew)" in (await team.told("KeyRotated"))["note"]
    await team.considered()  # the ledger has since when the old keys are out of the Secret
    clock.advance(timedelta(minutes=11))
    await team.considered()
    assert {key.value for key in simulator.record.live_keys()} == await team.values()

    async def nothing_is_kept() -> bool:
        return not await ledgers.kept_credentials()

    await eventually(nothing_is_kept, 10, "the credential of the object before is dropped")
