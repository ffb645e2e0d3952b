"""Pools become Ready, and their Secrets hold keys that work, with the labels and entries that the team wants."""

import json

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.team import Object, Team, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")


def entry_names(secret: Object | None) -> set[str]:
    """Names of a Secret's entries."""
    return set((secret or {}).get("data") or {})


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_a_pool_becomes_ready_with_as_many_working_keys_as_it_has_slots(
    team: Team, simulator: Simulator, size: int
) -> None:
    await team.apply(pool_manifest(size=size))
    pool = await team.ready()
    assert [key["slot"] for key in pool["status"]["keys"]] == list(range(size))
    values = await team.values()
    assert values == {key.value for key in simulator.record.live_keys()}
    assert len(values) == size
    assert all([await works(simulator, value) for value in values])


async def test_the_published_secret_tells_key_and_base_url_and_belongs_to_the_pool(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(size=2))
    pool = await team.ready()
    secret, data = await team.secret(), await team.secret_data()
    assert secret is not None
    assert data.keys() == {"apiKey", "baseURL"}
    assert data["baseURL"] == simulator.url
    assert [(ref["kind"], ref["uid"]) for ref in secret["metadata"]["ownerReferences"]] == [
        ("ApiKeyPool", pool["metadata"]["uid"])
    ]
    assert pool["status"]["binding"]["name"] == "chat"


async def test_the_second_secret_lists_every_key_with_slot_and_limits(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(size=2, key={"rateLimit": {"requestsPerMinute": 7}}))
    await team.ready()
    content = json.loads((await team.secret_data("chat-pool"))["keys.json"])
    assert content["baseURL"] == simulator.url
    assert [(key["slot"], key["limits"], key["limitsPer"]) for key in content["keys"]] == [
        (0, {"requestsPerMinute": 7}, "key"),
        (1, {"requestsPerMinute": 7}, "key"),
    ]
    assert content["keys"][0]["apiKey"] == await team.value()
    assert {key["id"] for key in content["keys"]} == {key.name for key in simulator.record.live_keys()}


async def test_a_pool_of_one_key_has_no_second_secret(team: Team) -> None:
    await team.apply(pool_manifest(size=1))
    await team.ready()
    assert await team.secret("chat-pool") is None


async def test_keys_are_asked_for_with_the_scopes_and_the_limit_of_the_template(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(key={"scopes": ["embeddings:write"], "rateLimit": {"requestsPerMinute": 9}}))
    await team.ready()
    (key,) = simulator.record.keys()
    assert (key.scopes, key.rpm) == (("embeddings:write",), 9)
    assert key.name.startswith(f"kp.{team.namespace[:8]}")


async def test_labels_and_annotations_are_set_changed_and_removed_in_place(team: Team, simulator: Simulator) -> None:
    first = {"labels": {"stays": "a", "goes": "b"}, "annotations": {"note": "one", "goes": "too"}}
    await team.apply(pool_manifest(size=2, secret=first))
    await team.ready()
    values = await team.values()

    async def has(labels: dict[str, str], annotations: dict[str, str], without: tuple[str, ...] = ()) -> bool:
        metas = [(await team.secret(name) or {}).get("metadata", {}) for name in ("chat", "chat-pool", "chat-relay")]
        return all(
            labels.items() <= meta["labels"].items()
            and annotations.items() <= meta["annotations"].items()
            and not {*meta["labels"], *meta["annotations"]} & {*without}
            for meta in metas
        )

    assert await has(first["labels"], first["annotations"])
    second = {"labels": {"stays": "c", "new": "d"}, "annotations": {"note": "two"}}
    await team.apply(pool_manifest(size=2, secret=second))
    await eventually(lambda: has(second["labels"], second["annotations"], ("goes",)), 10)
    await team.apply(pool_manifest(size=2, secret={"labels": {"stays": "c"}, "annotations": {"note": "two"}}))
    await eventually(lambda: has({"stays": "c"}, second["annotations"], ("new",)), 10, "a label goes, nothing else")
    await team.ready()
    assert await team.values() == values
    assert simulator.record.mutations() == {"created": 2}


async def test_an_annotation_that_somebody_else_set_already_is_seen_once_the_pool_wants_it_too(
    team: Team, simulator: Simulator
) -> None:
    """A write that changes nothing has no version of its own, so that no watch tells of it."""
    await team.apply(pool_manifest(secret={"annotations": {"note": "x"}}))
    await team.ready()
    await team.apply(pool_manifest(secret={"annotations": {}}))
    await team.ready()
    note = {"metadata": {"annotations": {"note": "theirs"}, "labels": {"stage": "live"}}}
    await team.client.patch(paths.secret(team.namespace, "chat"), note)
    await team.considered()
    await team.apply(pool_manifest(secret={"annotations": {"note": "theirs"}, "labels": {"stage": "live"}}))
    await team.ready()
    await team.has("chat", "Published", "True")
    assert simulator.record.mutations() == {"created": 1}


async def test_entries_get_other_names_in_place_and_the_old_ones_go(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    value = await team.value()
    await team.apply(pool_manifest(secret={"keys": {"apiKey": "OPENAI_API_KEY", "baseURL": "OPENAI_BASE_URL"}}))
    await team.ready()

    async def renamed() -> bool:
        return entry_names(await team.secret()) == {"OPENAI_API_KEY", "OPENAI_BASE_URL"}

    await eventually(renamed, 10)
    assert await team.secret_data() == {"OPENAI_API_KEY": value, "OPENAI_BASE_URL": simulator.url}
    assert simulator.record.mutations() == {"created": 1}


async def test_the_secrets_can_have_names_of_their_own(team: Team) -> None:
    await team.apply(pool_manifest(size=2, secret={"name": "llm", "poolName": "llm-all"}))
    await team.ready()
    assert entry_names(await team.secret("llm")) == {"apiKey", "baseURL"}
    assert entry_names(await team.secret("llm-all")) == {"keys.json"}
    assert await team.secret("chat") is None
