"""What people write into status and annotations: status is never an input, odd requests break nothing."""

import asyncio
import json

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.running import Operator
from tests.cluster.team import Object, Team, condition_in, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("bystander", "provider")


async def forge(team: Team, status: Object) -> None:
    """Writes into the pool's status, as a person with the right to do so."""
    await team.client.patch(paths.pool_status(team.namespace, "chat"), {"status": status})


def forgeries(pool: Object) -> dict[str, Object]:
    """What somebody may write there."""
    key = dict(pool["status"]["keys"][0])
    stranger = {**key, "name": "kp.foreign.key", "state": "revoking", "primary": True, "fingerprint": "0" * 12}
    ready = {**condition_in(pool, "Ready"), "status": "False", "reason": "Forged", "message": "x" * 1024}
    many = [{**stranger, "name": f"forged-{number}"} for number in range(1000)]
    return {
        "keys removed": {"keys": []},
        "a foreign key to be revoked": {"keys": [key, stranger]},
        "our key as revoking": {"keys": [{**key, "state": "revoking"}]},
        "conditions": {"conditions": [ready]},
        "nothing handled": {"handled": None},
        "another generation": {"observedGeneration": 99},
        "a thousand keys": {"keys": many},
        "counts": {"replicas": 0, "counts": {"published": 0}, "keysSummary": "0/9"},
    }


async def test_a_forged_status_is_written_back_and_moves_no_key(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.annotate("chat", rotate="once")
    await team.until("chat", lambda pool: (pool["status"].get("handled") or {}).get("rotate") == "once")
    pool = await team.until("chat", _is_rotated, what="the rotation is done but for the overlap")
    calls = len(simulator.record.calls("create"))
    value = await team.value()
    for what, forged in forgeries(pool).items():
        await forge(team, forged)
        await team.until("chat", lambda now: _same_but_times(now, pool), what=f"{what} is written back")
    assert len(simulator.record.calls("create")) == calls
    assert simulator.record.mutations()["deleted by api"] == 0
    assert await team.value() == value


async def test_a_status_forged_while_the_operator_is_down_is_written_back(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    pool = await team.ready()
    await operator.stop()
    await team.kubectl("patch", "akp", "chat", "--subresource=status", "--type=json", "-p", _removal())
    await operator.start()
    await team.until("chat", lambda now: _same_but_times(now, pool), what="the status is back")
    assert simulator.record.mutations() == {"created": 1}


def _same_but_times(one: Object, other: Object) -> bool:
    """Whether all is equal but since when the conditions are what they are: nobody else remembers that."""
    return _without_times(one) == _without_times(other)


def _without_times(pool: Object) -> Object:
    status = pool.get("status") or {}
    conditions = [{**found, "lastTransitionTime": ""} for found in status.get("conditions") or ()]
    return {**status, "conditions": conditions}


def _removal() -> str:
    return json.dumps([{"op": "remove", "path": "/status"}])


@pytest.mark.parametrize(
    "token",
    ["x" * 200_000, "\x00\x1b[31mred\r\n\t", "Schlüssel-\U0001f511", "{slot} %s ${HOME}", " "],
    ids=["huge", "control characters", "Unicode", "format strings", "blank"],
)
async def test_any_rotate_annotation_rotates_once(team: Team, simulator: Simulator, token: str) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    before = await team.value()
    await team.annotate("chat", rotate=token)
    await team.changes(before)
    await asyncio.sleep(1)
    await team.poke()
    await asyncio.sleep(1)
    assert simulator.record.mutations()["created"] == 2
    assert len(json.dumps(await team.status())) < 20_000


@pytest.mark.parametrize(
    "named", ["x" * 200_000, ",,,,\n,\x00", "kp.no.such.key", "0" * 12, "all", "*"], ids=["huge", *"abcde"]
)
async def test_a_compromised_annotation_that_names_no_key_of_the_pool_does_nothing(
    team: Team, simulator: Simulator, named: str
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.annotate("chat", compromised=named)
    await asyncio.sleep(1.5)
    assert simulator.record.mutations() == {"created": 1}
    assert (await team.condition("chat", "Ready"))["status"] == "True"


async def test_names_of_200_characters_and_many_labels_are_served(team: Team, simulator: Simulator) -> None:
    name = "a" * 198 + "-a"
    labels = {f"example.com/{number}": "v" * 63 for number in range(32)}
    annotations = {"note": "Schlüssel \U0001f511 \x01 {x}"}
    await team.apply(pool_manifest(name, size=2, secret={"labels": labels, "annotations": annotations}))
    await team.ready(name)
    secret = await team.secret(name)
    assert secret is not None
    assert labels.items() <= secret["metadata"]["labels"].items()
    assert len(await team.pool_values(name)) == 2
    await team.told("KeyCreated", name)
    await team.delete(name)
    await team.gone(name)
    await eventually(lambda: _none_live(simulator), 5, "its keys are revoked")


async def _none_live(simulator: Simulator) -> bool:
    return not simulator.record.live_keys()


async def test_a_label_that_kubernetes_does_not_take_is_refused_at_apply(team: Team) -> None:
    manifest = pool_manifest(secret={"labels": {"team": "Schlüssel"}})
    run = await team.cluster.kubectl("-n", team.namespace, "apply", "-f", "-", stdin=json.dumps(manifest))
    assert run.returncode != 0
    assert "values must be of letters, digits" in run.stderr


def _is_rotated(pool: Object) -> bool:
    """Another key is published, and the old one drains: nothing more happens for some minutes."""
    states = sorted(key["state"] for key in pool["status"].get("keys") or ())
    return states == ["active", "draining"] and pool["status"]["counts"]["published"] == 1
