"""Secrets that are somebody else's, contested, or of a kind that cannot be written: no key is made for nothing."""

import asyncio
from typing import Any

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.team import ADMIN_SECRET, Object, Team, pool_manifest, secret_manifest, to
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("bystander", "provider")


def calls(simulator: Simulator) -> int:
    """How often a key was asked for."""
    return len(simulator.record.calls("create"))


def named(name: str, **spec: Any) -> Object:
    """A pool that publishes a Secret of that name."""
    return pool_manifest(f"for-{name}", secret={"name": name}, **spec)


def unchanged(before: Object | None, after: Object | None) -> bool:
    """Whether nobody wrote the Secret."""
    return before is not None and before == after


@pytest.mark.parametrize("collides", ["chat", "chat-pool", "chat-relay"])
async def test_a_foreign_secret_is_left_alone_and_no_key_is_made_until_it_is_gone(
    team: Team, simulator: Simulator, collides: str
) -> None:
    await team.apply(secret_manifest(collides, precious="data"))
    before = await team.secret(collides)
    await team.apply(pool_manifest(size=2))
    stalled = await team.has("chat", "Stalled", "True", "SecretForeign")
    assert (
        stalled["message"]
        == f"Secret {collides} exists and is not ours: delete it, or set spec.secret.creationPolicy to Adopt"
    )
    await team.poke()
    await asyncio.sleep(1)
    assert calls(simulator) == 0
    assert unchanged(before, await team.secret(collides))
    await team.kubectl("delete", "secret", collides)
    await team.poke()
    await team.ready()
    assert len(await team.values()) == 2


async def test_a_foreign_secret_with_our_label_is_foreign_all_the_same(team: Team, simulator: Simulator) -> None:
    secret = secret_manifest("chat", apiKey="x")
    secret["metadata"]["labels"] = {"keypool.dev/published": "true", "app.kubernetes.io/managed-by": "keypool"}
    await team.apply(secret)
    before = await team.secret()
    await team.apply(pool_manifest())
    await team.has("chat", "Stalled", "True", "SecretForeign")
    assert calls(simulator) == 0
    assert unchanged(before, await team.secret())
    await team.kubectl("delete", "secret", "chat")
    await team.ready()


async def test_adopt_takes_over_a_secret_that_says_so_and_touches_nothing_else_in_it(
    team: Team, simulator: Simulator, ledgers: Ledgers
) -> None:
    """Also when the pool goes: what was written goes, and the Secret stays."""
    secret = secret_manifest("chat", precious="data")
    secret["metadata"]["labels"] = {"team": "theirs"}
    await team.apply(secret, pool_manifest())
    await team.has("chat", "Stalled", "True", "SecretForeign")
    before = await team.secret()
    await team.patch("chat", secret={"creationPolicy": "Adopt"})
    stalled = await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert unchanged(before, await team.secret())
    assert calls(simulator) == 0
    await team.kubectl(*stalled["message"].rpartition("Its owner can: kubectl ")[2].split())
    await team.poke()
    await team.ready()
    adopted = await team.secret() or {}
    assert set(adopted["data"]) == {"apiKey", "baseURL", "precious"}
    assert "ownerReferences" not in adopted["metadata"]
    assert adopted["metadata"]["labels"]["team"] == "theirs"
    assert [each["uid"] for each in (await ledgers.read())["adopted"]] == [adopted["metadata"]["uid"]]

    await team.kubectl("patch", "secret", "chat", "--patch", '{"stringData": {"more": "theirs", "apiKey": "x"}}')
    await team.told("SecretRepaired")
    value = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(value)
    assert (await team.secret_data())["more"] == "theirs"
    await team.delete()
    await team.gone(deadline=30)
    left = await team.secret() or {}
    assert left["metadata"]["uid"] == adopted["metadata"]["uid"]
    assert await team.secret_data() == {"precious": "data", "more": "theirs"}
    assert left["metadata"]["labels"] == {"team": "theirs"}
    assert set(left["metadata"]["annotations"]) <= {
        "keypool.dev/allow",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
    assert not simulator.record.live_keys()


async def test_adopt_never_takes_what_a_provider_or_keys_from_names(team: Team, simulator: Simulator) -> None:
    allow = f"pool/chat {to(simulator.url)}"
    await allow_more(team, ADMIN_SECRET, allow)
    before = await team.secret(ADMIN_SECRET)
    await team.apply(pool_manifest(secret={"name": ADMIN_SECRET, "creationPolicy": "Adopt"}))
    stalled = await team.has("chat", "Stalled", "True", "SecretForeign")
    assert "is one that a provider object names" in stalled["message"]
    assert unchanged(before, await team.secret(ADMIN_SECRET))
    assert calls(simulator) == 0


async def allow_more(team: Team, name: str, text: str) -> None:
    """Somebody changes what a Secret allows."""
    change = {"metadata": {"annotations": {"keypool.dev/allow": text}}}
    await team.client.patch(paths.secret(team.namespace, name), change)


async def test_adopt_never_takes_what_another_controller_owns(team: Team, simulator: Simulator) -> None:
    await team.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}})
    owner = await team.client.get(f"/api/v1/namespaces/{team.namespace}/configmaps/owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    secret = secret_manifest("chat", "pool/chat", precious="data")
    secret["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
    await team.apply(secret)
    before = await team.secret()
    await team.apply(pool_manifest(secret={"creationPolicy": "Adopt"}))
    stalled = await team.has("chat", "Stalled", "True", "SecretForeign")
    assert "controlled by another object" in stalled["message"]
    assert unchanged(before, await team.secret())
    assert calls(simulator) == 0


async def test_of_two_pools_with_one_secret_the_older_has_it_and_the_other_follows_when_it_goes(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest("first", secret={"name": "shared"}))
    await team.ready("first")
    value = await team.value("shared")
    await asyncio.sleep(1.1)  # creation times have whole seconds
    await team.apply(pool_manifest("second", secret={"name": "shared"}))
    stalled = await team.has("second", "Stalled", "True", "SecretContested")
    assert (
        stalled["message"]
        == "pool first has the Secret's name shared; delete this pool and apply it again with another spec.secret.name"
    )
    assert calls(simulator) == 1
    assert await team.value("shared") == value
    await team.delete("first")
    await team.gone("first")
    await team.ready("second")
    assert [key.value for key in simulator.record.live_keys()] == [await team.value("shared")]


async def test_pools_that_come_at_once_agree_on_one_winner_and_lose_no_key(team: Team, simulator: Simulator) -> None:
    names = ("one", "two", "three")
    await team.apply(*(pool_manifest(name, secret={"name": "shared"}) for name in names))

    async def settled() -> bool:
        ready = [name for name in names if (await team.condition(name, "Ready")).get("status") == "True"]
        stalled = [name for name in names if await team.condition(name, "Stalled")]
        return len(ready) == 1 and len(stalled) == 2

    async def all_known() -> bool:
        known = [key["name"] for name in names for key in await team.keys(name)]
        return sorted(known) == sorted(key.name for key in simulator.record.live_keys())

    await eventually(settled, 10, "one is Ready, two are Stalled")
    await eventually(all_known, 10, "every live key stands in a status, and no other")
    for name in names:
        await team.delete(name)
    for name in names:
        await team.gone(name)
    assert simulator.record.live_keys() == ()


async def test_a_pool_may_not_take_the_name_of_anothers_second_secret(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest("a", size=2))
    await team.ready("a")
    await asyncio.sleep(1.1)  # creation times have whole seconds
    await team.apply(pool_manifest("a-pool"))
    stalled = await team.has("a-pool", "Stalled", "True", "SecretContested")
    assert "pool a has the Secret's name a-pool" in stalled["message"]
    assert calls(simulator) == 2
    assert len(await team.pool_values("a")) == 2


@pytest.mark.parametrize(
    "spoilt", [{"immutable": True}, {"type": "kubernetes.io/basic-auth"}], ids=["immutable", "type"]
)
async def test_a_secret_that_cannot_be_written_is_named_even_with_adopt(
    team: Team, simulator: Simulator, spoilt: Object
) -> None:
    await team.apply({**secret_manifest("chat", "pool/chat", username="x", password="y"), **spoilt})
    await team.apply(pool_manifest(secret={"creationPolicy": "Adopt"}))
    stalled = await team.has("chat", "Stalled", "True", "SecretUnusable")
    assert next(iter(spoilt)) in stalled["message"]
    assert calls(simulator) == 0
    await team.kubectl("delete", "secret", "chat")
    await team.poke()
    await team.ready()


async def test_our_secret_made_immutable_is_told_and_written_anew_with_the_same_value_after_its_deletion(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    value = await team.value()
    await team.kubectl("patch", "secret", "chat", "-p", '{"immutable": true}')
    await team.has("chat", "Stalled", "True", "SecretUnusable")
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    await team.kubectl("delete", "secret", "chat")
    await eventually(lambda: _is(team, value), 10, "the Secret is back with its value")
    await team.has("chat", "Published", "True")
    assert calls(simulator) == 1


async def test_a_rotation_waits_while_our_secret_is_immutable(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    value = await team.value()
    await team.kubectl("patch", "secret", "chat", "-p", '{"immutable": true}')
    await team.has("chat", "Stalled", "True", "SecretUnusable")
    await team.annotate("chat", rotate="now")
    await asyncio.sleep(1)
    assert calls(simulator) == 1
    await team.kubectl("delete", "secret", "chat")
    await team.changes(value)
    assert calls(simulator) == 2


async def test_edits_ten_times_a_second_are_repaired_without_a_flood_and_without_a_rotation(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    before = await team.value()
    edits = 30
    async with team.history(paths.secrets(team.namespace), "chat") as versions:
        for number in range(edits):
            patch = {"stringData": {"apiKey": f"edit-{number}"}}
            await team.client.patch(paths.secret(team.namespace, "chat"), patch)
            await asyncio.sleep(0.1)
        await eventually(lambda: _is(team, before), 10, "the value is back")
    assert len(versions) <= edits + 12, "many edits are answered by one repair"
    await team.has("chat", "Published", "False", "SecretFought", saying="again and again by ")
    assert [event["reason"] for event in await team.events()].count("SecretFought") == 1
    assert calls(simulator) == 1
    assert [key.value for key in simulator.record.live_keys()] == [before]
    assert len(await team.events()) <= 5


async def _is(team: Team, value: str | None) -> bool:
    return await team.value() == value
