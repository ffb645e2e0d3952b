"""Ledgers edited, deleted, restored from a backup or lost: no published value goes dead, and keys are known again."""

import json
from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import PROVIDER, Object, Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


def as_new(secret: Object) -> Object:
    """A Secret as a backup brings it back."""
    meta = {key: secret["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    return {**secret, "metadata": meta}


async def lose_ledger(operator: Operator, team: Team, ledgers: Ledgers, *pools: str) -> None:
    """While no operator runs."""
    await operator.stop()
    for pool in pools or ("chat",):
        await team.client.delete(paths.secret(ledgers.namespace, await ledgers.name(pool)))
    await operator.start()


@pytest.fixture
async def watchful(make_operator: OperatorMaker) -> Operator:
    """An operator that compares all the time."""
    one = make_operator("one")
    one.settings = one.settings.model_copy(update={"resync": 0.5})
    await one.start()
    return one


async def test_a_ledger_edited_or_deleted_at_rest_is_written_back(
    watchful: Operator, team: Team, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    path = paths.secret(ledgers.namespace, await ledgers.name())
    good = await ledgers.read()
    await team.client.patch(path, {"metadata": {"annotations": {"somebody/says": "hello"}}})

    async def is_back() -> bool:
        return await ledgers.read() == good

    await team.client.patch(path, {"stringData": {"ledger.json": "{}"}})
    await eventually(is_back, 10, "the edited ledger is written back")
    assert (await team.client.get(path))["metadata"]["annotations"]["somebody/says"] == "hello"
    await team.told("LedgerTampered")
    await team.client.patch(path, {"metadata": {"labels": {"keypool.dev/ledger": None}}})

    async def is_labelled() -> bool:
        return "keypool.dev/ledger" in (await team.client.get(path))["metadata"]["labels"]

    await eventually(is_labelled, 10, "the label is back")
    await team.client.delete(path)
    await eventually(is_back, 10, "the deleted ledger is written back")


async def test_an_annotation_of_somebody_else_is_no_tampering_and_stays(
    operator: Operator, team: Team, ledgers: Ledgers
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    path, before = paths.secret(ledgers.namespace, await ledgers.name()), await team.value()
    await team.client.patch(path, {"metadata": {"annotations": {"somebody/says": "hello"}}})
    await team.annotate("chat", rotate="now")
    await team.changes(before)
    assert (await team.client.get(path))["metadata"]["annotations"]["somebody/says"] == "hello"
    assert "LedgerTampered" not in {event["reason"] for event in await team.events()}


async def test_a_restored_ledger_learns_what_was_published_since(
    operator: Operator, team: Team, ledgers: Ledgers, simulator: Simulator, clock: Clock
) -> None:
    """The account is ours alone; in another one nobody could tell whose a published key without a name is. It lists
    none of the keys that the ledger knows, which are older than any listing's lag: that makes it no other account."""
    exclusive = {"spec": {"exclusiveAccount": True}}
    await team.client.patch(paths.provider(team.namespace, PROVIDER), exclusive)
    overlap = {"overlap": {"min": "1s"}}
    await team.apply(pool_manifest(size=2, rotation=overlap))
    await team.ready()
    path = paths.secret(ledgers.namespace, await ledgers.name())
    backup, before = await team.client.get(path), await team.values()
    await team.annotate("chat", rotate="now")

    async def rotated() -> bool:
        return not await team.values() & before and len(simulator.record.live_keys()) == 2

    await eventually(rotated, 20, "both slots rotated and the old keys are gone")
    published = await team.values()
    await operator.stop()
    await team.client.delete(path)
    await team.client.create(paths.secrets(ledgers.namespace), as_new(backup))
    clock.advance(timedelta(minutes=5))
    await operator.start()
    await team.told("LedgerRestored")
    await team.ready()

    async def known() -> bool:
        return {key.get("value") for key in await ledgers.keys()} == published

    await eventually(known, 20, "the dead keys are forgotten and the published ones known")
    assert await team.values() == published == {key.value for key in simulator.record.live_keys()}
    await team.delete()
    await team.gone()
    assert simulator.record.live_keys() == ()


async def test_a_lost_ledger_is_rebuilt_with_the_same_values_and_its_keys_can_be_revoked(
    operator: Operator, team: Team, ledgers: Ledgers, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    primary, values = await team.value(), await team.values()
    names = {key["name"] for key in await ledgers.keys()}
    await lose_ledger(operator, team, ledgers)
    await team.told("LedgerRebuilt")
    await team.ready()
    assert await team.value() == primary
    assert await team.values() == values == {key.value for key in simulator.record.live_keys()}
    assert {key["name"] for key in await ledgers.keys("chat", "active")} == names
    assert len(simulator.record.calls("create")) == 2
    await team.delete()
    await team.gone()
    assert simulator.record.live_keys() == ()


async def test_a_deleted_pool_without_a_ledger_still_has_its_keys_revoked(
    operator: Operator, team: Team, ledgers: Ledgers, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await operator.stop()
    await team.client.delete(paths.secret(ledgers.namespace, await ledgers.name()))
    await team.delete()
    await operator.start()
    await team.gone()
    assert simulator.record.live_keys() == ()


@pytest.mark.parametrize("kept", [False, True], ids=["relay's Secret gone", "relay's Secret there"])
async def test_a_forged_secret_adopts_no_key_of_anybody_else(
    operator: Operator, team: Team, ledgers: Ledgers, simulator: Simulator, kept: bool
) -> None:
    """The namespace's user puts another pool's value, and its handle, into the Secret whose ledger is lost. The pool's
    own key is found in the Secret for relays, while that is there."""
    await team.apply(pool_manifest(), pool_manifest("other"))
    await team.ready()
    await team.ready("other")
    theirs, mine = await team.value("other"), await team.value()
    handles = {
        "keypool.dev/handles": ((await team.secret("other")) or {})["metadata"]["annotations"]["keypool.dev/handles"]
    }
    await operator.stop()
    await team.client.patch(
        paths.secret(team.namespace, "chat"), {"stringData": {"apiKey": theirs}, "metadata": {"annotations": handles}}
    )
    if not kept:
        await team.client.delete(paths.secret(team.namespace, "chat-relay"))
    await team.client.delete(paths.secret(ledgers.namespace, await ledgers.name()))
    await operator.start()
    told = await team.told("LedgerRebuilt")
    assert "not ours to revoke" in told["note"]
    new = await team.changes(theirs)
    assert (new == mine) == kept
    await team.ready()
    assert {key["value"] for key in await ledgers.keys()} == {new}
    await team.delete()
    await team.gone()
    assert {key.value for key in simulator.record.live_keys()} == ({theirs} if kept else {theirs, mine})
    assert await team.value("other") == theirs


async def test_many_lost_ledgers_are_rebuilt_at_an_administrators_word_alone(
    watchful: Operator, team: Team, ledgers: Ledgers, simulator: Simulator
) -> None:
    lost = [f"p{number}" for number in range(4)]
    await team.apply(*(pool_manifest(name) for name in (*lost, "steady")))
    for name in (*lost, "steady"):
        await team.ready(name)
    values = {name: await team.value(name) for name in lost}
    await lose_ledger(watchful, team, ledgers, *lost)
    for name in lost:
        stalled = await team.has(name, "Stalled", "True", "LedgersMissing", saying="4 of 5 pools")
    before = await team.value("steady")
    await team.annotate("steady", rotate="now")
    await team.changes(before, "steady")
    assert len(simulator.record.calls("create")) == 6
    command = stalled["message"].split("kubectl ", 1)[1]
    (await team.cluster.kubectl(*command.split())).checked()
    for name in lost:
        await team.ready(name)
        assert await team.value(name) == values[name]


async def test_in_another_cluster_nothing_is_changed_until_an_administrator_confirms(
    watchful: Operator, team: Team, ledgers: Ledgers, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await watchful.stop()
    path = paths.secret(ledgers.namespace, "keypool-installation")
    assert (await team.client.get(path))["data"]["cluster"], "the cluster is pinned from the start"
    await team.client.patch(path, {"stringData": {"cluster": "0" * 64}})
    await watchful.start()
    stalled = await team.has("chat", "Stalled", "True", "ClusterChanged")
    value, mutations = await team.value(), len(simulator.record.calls("create"))
    await team.annotate("chat", rotate="now")
    await team.client.delete(paths.secret(team.namespace, "chat"))
    await team.considered()
    assert await team.secret() is None
    assert len(simulator.record.calls("create")) == mutations
    command = stalled["message"].split("kubectl ", 1)[1]
    (await team.cluster.kubectl(*command.split())).checked()
    assert await team.changes(value) != value
    pinned = await team.client.get(path)
    assert "keypool.dev/confirm-cluster" not in (pinned["metadata"].get("annotations") or {})


@pytest.mark.row("REVOKING", "ABANDONED")
@pytest.mark.row("OWED", "ABANDONED")
async def test_keys_that_cannot_be_revoked_are_given_up_by_annotation_and_the_audit_log_says_so(
    watchful: Operator, team: Team, ledgers: Ledgers, simulator: Simulator, clock: Clock
) -> None:
    """One pool waits for its key, of the other only the ledger is left."""
    await team.apply(pool_manifest(deletionPolicy="RevokeAndWait"), pool_manifest("left"))
    await team.ready()
    await team.ready("left")
    uid = (await team.pool("left"))["metadata"]["uid"]
    simulator.faults.add(Fault(kind="status", status=503, when="before"))
    await team.delete()
    await team.delete("left")
    await team.has("left", "Revoked", "False", "RevocationPending")
    clock.advance(timedelta(seconds=61))
    await team.poke("left")
    await team.gone("left")
    await team.annotate("chat", abandon="all@given-up")
    await team.gone()
    path = paths.secret(ledgers.namespace, f"keypool-ledger-{uid}")
    await team.client.patch(path, {"metadata": {"annotations": {"keypool.dev/abandon": "all@given-up"}}})

    async def nothing_is_left() -> bool:
        return not await ledgers.all() and not await ledgers.kept_credentials()

    await eventually(nothing_is_left, 20, "the ledgers are dropped")
    await watchful.stop()
    told = [json.loads(line) for line in watchful.audit_text().splitlines()]
    given_up = [line for line in told if line.get("event") == "abandoned"]
    assert len(given_up) == 2
    assert all(line["fingerprint"] and "annotation" in line["why"] for line in given_up)
