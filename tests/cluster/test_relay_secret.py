"""The Secret for relays: there at every size, as the workload's side reads it, and as durable as the other two."""

import pytest

from keypool.cluster import paths
from keypool_client.document import parse
from keypool_client.model import Pool
from keypool_lab.simulator import Simulator
from tests.cluster.team import PROVIDER, Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")


async def told(team: Team, pool: str = "chat") -> Pool:
    """What relays of a pool read."""
    return parse((await team.secret_data(f"{pool}-relay"))["keys.json"].encode())


@pytest.mark.parametrize("size", [1, 2])
async def test_it_says_every_key_and_where_it_may_be_used(team: Team, simulator: Simulator, size: int) -> None:
    await team.apply(pool_manifest(size=size, secret={"name": "llm"}))
    pool = await team.ready()
    file = await told(team)
    assert (file.name, file.provider, file.dialects) == (f"{team.namespace}/chat", "holySheep", ("openai",))
    assert [dict(endpoint.bases) for endpoint in file.endpoints] == [{"openai": simulator.url}]
    assert {key.value for key in file.keys} == {key.value for key in simulator.record.live_keys()}
    assert [key.id for key in file.keys] == [key["name"] for key in pool["status"]["keys"]]
    secret = await team.secret("chat-relay")
    assert secret is not None
    assert [ref["uid"] for ref in secret["metadata"]["ownerReferences"]] == [pool["metadata"]["uid"]]


async def test_it_follows_a_rotation_and_two_pools_of_one_account_say_so(team: Team) -> None:
    await team.apply(pool_manifest(), pool_manifest("other"))
    await team.ready()
    await team.ready("other")
    before = await told(team)
    assert before.account == (await told(team, "other")).account
    await team.annotate("chat", rotate="now")
    new = await team.changes(before.keys[0].value)

    async def follows() -> bool:
        return [key.value for key in (await told(team)).keys] == [new]

    await eventually(follows, 10, "relays are told the new key")
    assert (await told(team)).account == before.account


async def test_dialects_are_changed_in_place_and_no_key_rotates(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.client.patch(paths.provider(team.namespace, PROVIDER), {"spec": {"dialects": ["anthropic", "openai"]}})

    async def speaks_both() -> bool:
        return (await told(team)).dialects == ("anthropic", "openai")

    await eventually(speaks_both, 20, "relays are told both dialects")
    (endpoint,) = (await told(team)).endpoints
    assert dict(endpoint.bases) == {"anthropic": simulator.url.removesuffix("/v1"), "openai": simulator.url}
    await team.ready()
    assert simulator.record.mutations() == {"created": 1}


async def test_it_is_written_again_from_the_ledger_while_the_provider_object_is_gone(team: Team) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    before = await told(team)
    await team.client.delete(paths.provider(team.namespace, PROVIDER))
    await team.has("chat", "Stalled", "True", "ProviderNotFound")
    await team.client.delete(paths.secret(team.namespace, "chat-relay"))

    async def back() -> bool:
        return await team.secret("chat-relay") is not None

    await eventually(back, 15, "it is written again")
    assert await told(team) == before
