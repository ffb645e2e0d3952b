"""Pools whose keys people make: their end, restarts, outages, and specs that do not fit."""

from datetime import timedelta
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.core.rules import static
from keypool_lab.controlplane import KubectlError
from tests.cluster.ledgers import Ledgers
from tests.cluster.people import MINE, KeyMaker, published, static_pool
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, condition_in, pool_manifest, secret_manifest
from tests.upstreams.plain import Plain
from tests.upstreams.server import fingerprint
from tests.waiting import eventually


async def test_a_pool_goes_at_once_although_nobody_revokes_its_keys(
    operator: Operator, team: Team, person: KeyMaker, ledgers: Ledgers
) -> None:
    (value,) = await published(team, person)
    await team.delete()
    await team.gone()
    assert fingerprint(value) in (await team.told("ManualRevocation"))["note"]
    assert await team.secret() is None
    assert await team.secret_data(MINE) == {"key-0": value}, "people's Secret is theirs"

    async def settled() -> bool:
        return not await ledgers.all()

    await eventually(settled, 10, "the ledger is dropped")


async def test_retain_leaves_the_published_secret(operator: Operator, team: Team, person: KeyMaker) -> None:
    (value,) = await published(team, person, deletionPolicy="Retain")
    await team.delete()
    await team.gone()
    assert await team.value() == value


async def test_after_a_restart_and_a_lost_ledger_the_same_values_are_published(
    operator: Operator, team: Team, person: KeyMaker, ledgers: Ledgers
) -> None:
    first, second = await published(team, person, 2)
    await operator.stop()
    await team.client.delete(paths.secret(ledgers.namespace, await ledgers.name()))
    await operator.start()

    async def whole() -> bool:
        return [key["state"] for key in await ledgers.keys()] == ["active", "active"]

    await eventually(whole, 20, "the ledger has both keys again")
    assert await team.pool_values() == [first, second]
    await team.ready()
    assert fingerprint(first) not in (await team.told("LedgerRebuilt"))["note"], "people's keys are not strangers"


async def test_a_provider_that_is_down_is_told_and_its_keys_stay_until_it_answers_again(
    operator: Operator, team: Team, person: KeyMaker, console: Plain, clock: Clock
) -> None:
    (value,) = await published(team, person)
    console.down = True
    clock.advance(timedelta(hours=1))
    await person.look()
    await eventually(lambda: provider_is(team, "False", "ProviderUnavailable"), 20, "the provider is not ready")
    assert await team.value() == value
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    console.down = False
    await eventually(lambda: provider_is(team, "True", "ProviderReady"), 20, "the provider is ready again")
    await team.has("chat", "Healthy", "True")


async def test_a_provider_that_is_down_from_the_beginning_is_told_and_used_when_it_is_up(
    operator: Operator, team: Team, person: KeyMaker, console: Plain
) -> None:
    console.down = True
    value = await person.make()
    await person.put(first=value)
    await team.apply(static_pool())
    await eventually(lambda: provider_is(team, "False", "ProviderUnavailable"), 20, "the provider is not ready")
    console.down = False
    await team.ready()
    assert await team.value() == value


async def provider_is(team: Team, status: str, reason: str) -> bool:
    """The provider's Ready says this."""
    obj = await team.client.get(paths.provider(team.namespace, "deepseek"))
    found = condition_in(obj, "Ready")
    return (found.get("status"), found.get("reason")) == (status, reason)


async def test_the_secret_is_looked_at_by_itself(
    make_operator: Any, team: Team, person: KeyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "LOOK_AGAIN", timedelta(seconds=1))
    await make_operator("one").start()
    (old,) = await published(team, person)
    new = secret_manifest(MINE, **{"key-0": await person.make()})
    await team.client.patch(paths.secret(team.namespace, MINE), {"stringData": new["stringData"]})
    assert await team.changes(old) == new["stringData"]["key-0"]


async def test_keys_from_a_secret_are_refused_where_the_provider_makes_them(
    operator: Operator, team: Team, provider: str, person: KeyMaker
) -> None:
    await person.put(first=await person.make())
    await team.apply(static_pool(providerRef={"name": provider}))
    told = await team.has("chat", "Stalled", "True", "SpecInvalid")
    assert "spec.keysFrom: a holySheep provider makes the keys itself" in told["message"]
    assert await team.keys() == []


async def test_a_static_provider_without_a_secret_of_values_is_told(
    operator: Operator, team: Team, person: KeyMaker
) -> None:
    await team.apply(pool_manifest(providerRef={"name": "deepseek"}))
    told = await team.has("chat", "Stalled", "True", "SpecInvalid")
    assert "spec.keysFrom: a static provider has no key API" in told["message"]


@pytest.mark.parametrize("name", ["chat", "chat-pool", "chat-relay"])
async def test_the_secret_that_keypool_writes_is_not_one_to_read_from(team: Team, name: str) -> None:
    with pytest.raises(KubectlError, match="must name a Secret that you fill"):
        await team.apply(static_pool(keysFrom={"secretRef": {"name": name}}))


async def test_another_pools_published_secret_is_not_one_to_read_from(
    operator: Operator, team: Team, person: KeyMaker
) -> None:
    await published(team, person)
    second = static_pool(keysFrom={"secretRef": {"name": "chat"}})
    second["metadata"]["name"] = "second"
    await team.apply(second)
    told = await team.has("second", "Stalled", "True", "ConsentMissing")
    assert "is one that keypool writes" in told["message"]
