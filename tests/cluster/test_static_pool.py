"""Pools whose keys people make: a Secret that they fill is checked, published and followed, and they are asked for what
only they can do."""

import io
import json
from datetime import timedelta

import pytest

from keypool.cluster import paths
from tests.cluster.ledgers import Ledgers
from tests.cluster.people import MINE, OVERLAP, KeyMaker, deep_seek, published, static_pool
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team
from tests.upstreams.plain import Plain
from tests.upstreams.server import fingerprint


@pytest.mark.parametrize("preset", ["DeepSeek", "OpenAICompatible"])
async def test_the_values_that_people_supply_are_published(
    operator: Operator, team: Team, console: Plain, person: KeyMaker, preset: str
) -> None:
    await team.apply(deep_seek(console.url, preset))
    first, second = await published(team, person, 2)
    assert await team.secret_data() == {"apiKey": first, "baseURL": console.url}
    assert await team.pool_values() == [first, second]
    assert [key["fingerprint"] for key in await team.keys()] == [fingerprint(first), fingerprint(second)]
    ready = await team.client.get(paths.provider(team.namespace, "deepseek"))
    assert ready["status"]["capabilities"]["createsKeys"] is False


async def test_people_rotate_by_adding_a_value_and_removing_the_old_one(
    *, operator: Operator, team: Team, console: Plain, person: KeyMaker, clock: Clock, ledgers: Ledgers
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
    await team.has("chat", "Revoked", "False", "ManualRevocation", saying="still accepts it: it counts as live")
    assert await console.live_fingerprints() >= {fingerprint(old)}, "nothing is revoked behind people's backs"
    await console.end_key_outside(fingerprint(old))
    await team.has("chat", "Revoked", "True", deadline=30)
    assert [key["label"] for key in await ledgers.keys()] == ["next"]


async def test_a_key_that_people_revoked_is_forgotten_by_itself(
    operator: Operator, team: Team, console: Plain, person: KeyMaker, clock: Clock
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
    operator: Operator, team: Team, person: KeyMaker, logs: io.StringIO
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


async def test_a_malformed_value_is_named_by_its_entry_alone(operator: Operator, team: Team, person: KeyMaker) -> None:
    (good,) = await published(team, person)
    await person.put(copy=good, two="sk-one sk-two")
    told = await team.has("chat", "Stalled", "True", "ValueUnusable")
    assert 'entry "key-0" holds the same value as "copy"' in told["message"]
    assert 'entry "two" holds characters' in told["message"]
    assert good not in told["message"]
    assert await team.values() == {good}


async def test_a_key_that_dies_is_replaced_by_a_spare(
    operator: Operator, team: Team, console: Plain, person: KeyMaker
) -> None:
    (first,) = await published(team, person, health={"probeEvery": "5s", "failureThreshold": 1})
    await person.put(spare=(spare := await person.make()))
    await team.until("chat", lambda pool: len(pool["status"]["keys"]) == 2)
    await console.end_key_outside(fingerprint(first))
    assert await team.changes(first, deadline=30) == spare
    told = await team.has("chat", "Stalled", "True", "ValueRejected")
    assert 'entry "key-0"' in told["message"]


async def test_the_last_key_stays_published_when_its_value_is_removed(
    operator: Operator, team: Team, person: KeyMaker
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
    operator: Operator, team: Team, person: KeyMaker, clock: Clock
) -> None:
    await team.apply(static_pool())
    await team.has("chat", "Reconciling", "True", "KeysFromMissing")
    await team.outlasts_its_grace(clock)
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
    operator: Operator, team: Team, person: KeyMaker, clock: Clock
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
    operator: Operator, team: Team, person: KeyMaker
) -> None:
    leaked, other = await published(team, person, 2)
    await team.annotate("chat", compromised=fingerprint(leaked))
    assert await team.changes(leaked) == other
    asked = await team.has("chat", "Revoked", "False", "LeakNotContained", saying="ManualRevocation")
    assert fingerprint(leaked) in asked["message"]
    await team.considered()
    assert await team.values() == {other}


async def test_a_used_up_balance_is_told_and_takes_no_key_away(
    operator: Operator, team: Team, console: Plain, person: KeyMaker
) -> None:
    console.available = False
    (value,) = await published(team, person)
    await team.has("chat", "Stalled", "True", "AccountNotice", saying="balance of the account is used up")
    assert await team.value() == value
