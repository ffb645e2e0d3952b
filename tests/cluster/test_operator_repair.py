"""Published Secrets are written again with the same values, whatever is done to them."""

import base64
from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.running import Clock
from tests.cluster.team import Object, Team, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")

OVERLAP = timedelta(minutes=10)


def encoded(text: str) -> str:
    """Text as it stands in a Secret."""
    return base64.b64encode(text.encode()).decode()


async def write(team: Team, name: str, patch: Object) -> None:
    """Merges into a Secret."""
    await team.client.patch(paths.secret(team.namespace, name), patch)


async def is_again(team: Team, name: str, before: Object) -> None:
    """Waits until a Secret's data, labels and annotations are what they were."""

    async def same() -> bool:
        secret = await team.secret(name)
        return secret is not None and all(
            (secret.get("data"), secret["metadata"].get(part)) == (before["data"], before["metadata"][part])
            for part in ("labels", "annotations")
        )

    await eventually(same, 15, f"Secret {name} is as before")


DAMAGES: dict[str, Object] = {
    "edited": {"data": {"apiKey": encoded("something else")}},
    "emptied": {"data": None},
    "taken out of our sight": {"metadata": {"labels": None}},
    "given to another pool": {"metadata": {"labels": {"keypool.dev/pool-uid": "0"}}},
    "stripped of its annotations": {"metadata": {"annotations": None}},
    "given another entry": {"data": {"extra": encoded("x")}},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_secret_that_was_changed_is_written_again_with_the_same_values(
    team: Team, simulator: Simulator, damage: Object
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    before = await team.secret()
    assert before is not None
    await write(team, "chat", damage)
    await is_again(team, "chat", before)
    event = await team.told("SecretRepaired")
    assert event["type"] == "Warning"
    assert simulator.record.mutations() == {"created": 1}


@pytest.mark.parametrize("name", ["chat", "chat-pool", "chat-relay"])
async def test_a_deleted_secret_comes_back_with_the_same_values(team: Team, simulator: Simulator, name: str) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    before = await team.secret(name)
    assert before is not None
    await team.client.delete(paths.secret(team.namespace, name))
    await is_again(team, name, before)
    await team.told("SecretRepaired")
    assert simulator.record.mutations() == {"created": 2}


async def test_an_immutable_secret_is_explained_and_written_anew_once_it_is_deleted(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    value = await team.value()
    await write(team, "chat", {"immutable": True, "metadata": {"labels": {"keypool.dev/pool-uid": "0"}}})
    await team.has("chat", "Stalled", "True", "SecretUnusable")
    await team.client.delete(paths.secret(team.namespace, "chat"))

    async def back() -> bool:
        return await team.value() == value

    await eventually(back, 10)
    await team.until("chat", lambda pool: "Stalled" not in str(pool["status"]["conditions"]))
    assert simulator.record.mutations() == {"created": 1}


async def test_labels_and_annotations_of_others_stay(team: Team) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    foreign = {"labels": {"backup": "yes"}, "annotations": {"reviewed": "by us"}}
    await write(team, "chat", {"metadata": foreign, "data": {"apiKey": encoded("something else")}})
    await team.told("SecretRepaired")
    await team.considered()
    secret = await team.secret()
    assert secret is not None
    assert foreign["labels"].items() <= secret["metadata"]["labels"].items()
    assert foreign["annotations"].items() <= secret["metadata"]["annotations"].items()
    assert await team.value() != "something else"


async def test_the_overlap_starts_anew_when_the_old_value_was_put_back(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    """Somebody may have read the draining value again, so it must work for a whole overlap from then on."""
    await team.apply(pool_manifest())
    await team.ready()
    old = await team.value()
    assert old is not None
    await team.annotate("chat", rotate="now")
    new = await team.changes(old)
    await team.considered()
    clock.advance(OVERLAP - timedelta(minutes=1))
    await write(team, "chat", {"data": {"apiKey": encoded(old)}})
    await team.changes(old)
    assert await team.value() == new
    await team.considered()
    clock.advance(timedelta(minutes=2))
    await team.considered()
    assert await works(simulator, old), "its first overlap is over, not its second"
    clock.advance(OVERLAP)
    await team.considered()
    assert not await works(simulator, old)


async def test_a_status_edited_by_hand_is_concluded_again(team: Team, simulator: Simulator) -> None:
    """Status is a report and never an input: no key is made or lost."""
    await team.apply(pool_manifest())
    pool = await team.ready()
    lie = {"status": {"conditions": [], "keys": [], "replicas": 7, "observedGeneration": 99}}
    await team.client.patch(paths.pool_status(team.namespace, "chat"), lie)
    after = await team.until("chat", lambda found: found["status"].get("replicas") == 1)
    assert after["status"]["keys"] == pool["status"]["keys"]
    assert simulator.record.mutations() == {"created": 1}
