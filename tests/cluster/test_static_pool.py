"""Pools whose keys people make: a Secret that they fill is checked, published and followed, and they are asked for what
only they can do."""

import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.core.rules import static
from keypool_lab.controlplane import KubectlError
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Object, Team, pool_manifest, provider_manifest, secret_manifest
from tests.upstreams.plain import Plain
from tests.upstreams.server import fingerprint
from tests.waiting import eventually

MINE = "my-keys"
OVERLAP = timedelta(minutes=10)


def deep_seek(url: str, preset: str = "DeepSeek") -> Object:
    manifest = provider_manifest(url, static={"preset": preset})
    del manifest["spec"]["holySheep"], manifest["spec"]["auth"]
    manifest["metadata"]["name"] = "deepseek"
    return manifest


def static_pool(size: int = 1, **spec: Any) -> Object:
    given = {"providerRef": {"name": "deepseek"}, "keysFrom": {"secretRef": {"name": MINE}}, "size": size}
    return pool_manifest(**{**given, **spec})


@pytest.fixture
async def console() -> AsyncIterator[Plain]:
    """A provider whose console people use."""
    async with Plain() as running:
        yield running


class Person:
    """Makes keys in the console and puts them into the Secret."""

    def __init__(self, team: Team, console: Plain) -> None:
        self._team, self._console = team, console

    async def make(self) -> str:
        """A new key's value."""
        return self._console.value_of(await self._console.make_foreign_key("mine"))

    async def put(self, **entries: str | None) -> None:
        """Writes these entries (None removes one), and has the operator look."""
        text = {entry: value for entry, value in entries.items() if value is not None}
        gone = {entry: None for entry, value in entries.items() if value is None}
        if await self._team.secret(MINE) is None:
            await self._team.client.create(paths.secrets(self._team.namespace), secret_manifest(MINE, **text))
        else:
            change = {"stringData": text} | ({"data": gone} if gone else {})
            await self._team.client.patch(paths.secret(self._team.namespace, MINE), change)
        await self.look()

    async def look(self) -> None:
        """The operator looks at the pool, when there is one, instead of in a minute."""
        async for pool in self._team.client.list(paths.pools(self._team.namespace)):
            await self._team.poke(pool["metadata"]["name"])


@pytest.fixture
async def person(team: Team, console: Plain) -> Person:
    await team.apply(deep_seek(console.url))
    return Person(team, console)


async def published(team: Team, person: Person, size: int = 1, **spec: Any) -> list[str]:
    """The values of a pool that is Ready."""
    values = [await person.make() for _ in range(size)]
    await person.put(**{f"key-{index}": value for index, value in enumerate(values)})
    await team.apply(static_pool(size, **spec))
    await team.ready()
    return values


async def labels(team: Team, *states: str) -> list[str]:
    return [key["label"] for key in await team.keys("chat", *states)]


@pytest.mark.parametrize("preset", ["DeepSeek", "OpenAICompatible"])
async def test_the_values_that_people_supply_are_published(
    operator: Operator, team: Team, console: Plain, person: Person, preset: str
) -> None:
    await team.apply(deep_seek(console.url, preset))
    first, second = await published(team, person, 2)
    assert await team.secret_data() == {"apiKey": first, "baseURL": console.url}
    assert await team.pool_values() == [first, second]
    assert [key["fingerprint"] for key in await team.keys()] == [fingerprint(first), fingerprint(second)]
    ready = await team.client.get(paths.provider(team.namespace, "deepseek"))
    assert ready["status"]["capabilities"]["createsKeys"] is False


async def test_people_rotate_by_adding_a_value_and_removing_the_old_one(
    *, operator: Operator, team: Team, console: Plain, person: Person, clock: Clock, ledgers: Ledgers
) -> None:
    (old,) = await published(team, person)
    new = await person.make()
    await person.put(next=new)
    await team.until("chat", lambda pool: len(pool["status"]["keys"]) == 2)
    assert await team.value() == old, "a spare changes nothing"
    await person.put(**{"key-0": None})
    assert await team.changes(old) == new
    await team.has("chat", "Ready", "True")
    await team.until("chat", lambda pool: pool["status"]["counts"]["draining"] == 1)
    clock.advance(OVERLAP)
    await person.look()
    asked = await team.has("chat", "Revoked", "False", "ManualRevocation")
    assert fingerprint(old) in asked["message"]
    assert fingerprint(old) in (await team.told("ManualRevocation"))["note"]
    await team.annotate("chat", revoked=fingerprint(old))
    await team.has("chat", "Revoked", "True")
    assert [key["label"] for key in await ledgers.keys()] == ["next"]
    assert await console.live_fingerprints() >= {fingerprint(old)}, "nothing is revoked behind people's backs"


async def test_a_key_that_people_revoked_is_forgotten_by_itself(
    operator: Operator, team: Team, console: Plain, person: Person, clock: Clock
) -> None:
    (old,) = await published(team, person)
    await person.put(**{"key-0": await person.make()})
    await team.changes(old)
    await team.until("chat", lambda pool: pool["status"]["counts"]["draining"] == 1)
    clock.advance(OVERLAP)
    await person.look()
    await team.has("chat", "Revoked", "False", "ManualRevocation")
    await console.end_key_outside(fingerprint(old))
    await team.has("chat", "Revoked", "True", deadline=30)


async def test_a_value_that_the_provider_rejects_is_named_and_not_published(
    operator: Operator, team: Team, person: Person, logs: io.StringIO
) -> None:
    (good,) = await published(team, person)
    bad = "sk-never-made-by-anybody"
    await person.put(typo=bad)
    told = await team.has("chat", "Stalled", "True", "ValueRejected")
    assert f'entry "typo" ({fingerprint(bad)})' in told["message"]
    assert await team.values() == {good}
    await person.put(typo=None)
    await team.until("chat", lambda pool: not any(c["type"] == "Stalled" for c in pool["status"]["conditions"]))
    said = json.dumps([await team.pool(), await team.events()]) + logs.getvalue()
    assert bad not in said
    assert good not in said


async def test_a_malformed_value_is_named_by_its_entry_alone(operator: Operator, team: Team, person: Person) -> None:
    (good,) = await published(team, person)
    await person.put(copy=good, two="sk-one sk-two")
    told = await team.has("chat", "Stalled", "True", "ValueUnusable")
    assert 'entry "key-0" holds the same value as "copy"' in told["message"]
    assert 'entry "two" holds characters' in told["message"]
    assert good not in told["message"]
    assert await team.values() == {good}


async def test_a_key_that_dies_is_replaced_by_a_spare(
    operator: Operator, team: Team, console: Plain, person: Person
) -> None:
    (first,) = await published(team, person, health={"probeEvery": "5s", "failureThreshold": 1})
    await person.put(spare=(spare := await person.make()))
    await team.until("chat", lambda pool: len(pool["status"]["keys"]) == 2)
    await console.end_key_outside(fingerprint(first))
    assert await team.changes(first, deadline=30) == spare
    told = await team.has("chat", "Stalled", "True", "ValueRejected")
    assert 'entry "key-0"' in told["message"]


async def test_the_last_key_stays_published_when_its_value_is_removed(
    operator: Operator, team: Team, person: Person
) -> None:
    (only,) = await published(team, person)
    await person.put(**{"key-0": None}, bad="sk-never-made-by-anybody")
    await team.has("chat", "Stalled", "True")
    await team.considered()
    assert await team.value() == only
    await team.has("chat", "Ready", "True")
    await person.put(bad=(good := await person.make()))
    assert await team.changes(only) == good


async def test_without_the_secret_nothing_is_taken_away_and_people_are_told(
    operator: Operator, team: Team, person: Person
) -> None:
    await team.apply(static_pool())
    told = await team.has("chat", "Stalled", "True", "KeysFromMissing")
    assert f'there is no Secret "{MINE}": create it' in told["message"]
    await person.put(first=(value := await person.make()))
    await team.ready()
    await team.client.delete(paths.secret(team.namespace, MINE))
    await person.look()
    await team.has("chat", "Stalled", "True", "KeysFromMissing")
    assert await team.value() == value
    await team.has("chat", "Ready", "True")


async def test_people_are_asked_for_a_key_that_gets_old_and_nothing_is_withdrawn(
    operator: Operator, team: Team, person: Person, clock: Clock
) -> None:
    (value,) = await published(team, person, rotation={"every": "48h", "renewBefore": "12h"})
    clock.advance(timedelta(hours=37))
    await person.look()
    asked = await team.has("chat", "Healthy", "False", "KeyAgeing")
    assert f'entry "key-0" ({fingerprint(value)})' in asked["message"]
    await team.told("KeyAgeing")
    clock.advance(timedelta(hours=900))
    await team.considered()
    assert await team.value() == value
    await person.put(**{"key-0": await person.make()})
    await team.changes(value)
    await team.has("chat", "Healthy", "True")


async def test_a_compromised_key_leaves_at_once_where_another_is_live(
    operator: Operator, team: Team, person: Person
) -> None:
    leaked, other = await published(team, person, 2)
    await team.annotate("chat", compromised=fingerprint(leaked))
    assert await team.changes(leaked) == other
    asked = await team.has("chat", "Revoked", "False", "ManualRevocation")
    assert fingerprint(leaked) in asked["message"]
    await team.considered()
    assert await team.values() == {other}


async def test_a_used_up_balance_is_told_and_takes_no_key_away(
    operator: Operator, team: Team, console: Plain, person: Person
) -> None:
    console.available = False
    (value,) = await published(team, person)
    await team.has("chat", "Stalled", "True", "AccountNotice", saying="balance of the account is used up")
    assert await team.value() == value


async def test_a_pool_goes_at_once_although_nobody_revokes_its_keys(
    operator: Operator, team: Team, person: Person, ledgers: Ledgers
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


async def test_retain_leaves_the_published_secret(operator: Operator, team: Team, person: Person) -> None:
    (value,) = await published(team, person, deletionPolicy="Retain")
    await team.delete()
    await team.gone()
    assert await team.value() == value


async def test_after_a_restart_and_a_lost_ledger_the_same_values_are_published(
    operator: Operator, team: Team, person: Person, ledgers: Ledgers
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


async def test_the_secret_is_looked_at_by_itself(
    make_operator: Any, team: Team, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "LOOK_AGAIN", timedelta(seconds=1))
    await make_operator("one").start()
    (old,) = await published(team, person)
    new = secret_manifest(MINE, **{"key-0": await person.make()})
    await team.client.patch(paths.secret(team.namespace, MINE), {"stringData": new["stringData"]})
    assert await team.changes(old) == new["stringData"]["key-0"]


async def test_keys_from_a_secret_are_refused_where_the_provider_makes_them(
    operator: Operator, team: Team, provider: str, person: Person
) -> None:
    await person.put(first=await person.make())
    await team.apply(static_pool(providerRef={"name": provider}))
    told = await team.has("chat", "Stalled", "True", "SpecInvalid")
    assert "spec.keysFrom: a holySheep provider makes the keys itself" in told["message"]
    assert await team.keys() == []


async def test_a_static_provider_without_a_secret_of_values_is_told(
    operator: Operator, team: Team, person: Person
) -> None:
    await team.apply(pool_manifest(providerRef={"name": "deepseek"}))
    told = await team.has("chat", "Stalled", "True", "SpecInvalid")
    assert "spec.keysFrom: a static provider has no key API" in told["message"]


@pytest.mark.parametrize("name", ["chat", "chat-pool"])
async def test_the_secret_that_keypool_writes_is_not_one_to_read_from(team: Team, name: str) -> None:
    with pytest.raises(KubectlError, match="must name a Secret that you fill"):
        await team.apply(static_pool(keysFrom={"secretRef": {"name": name}}))


async def test_another_pools_published_secret_is_not_one_to_read_from(
    operator: Operator, team: Team, person: Person
) -> None:
    await published(team, person)
    second = static_pool(keysFrom={"secretRef": {"name": "chat"}})
    second["metadata"]["name"] = "second"
    await team.apply(second)
    told = await team.has("second", "Stalled", "True", "KeysFromMissing")
    assert "is one that keypool writes" in told["message"]
