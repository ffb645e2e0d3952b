"""The simulator's API, as HolySheep documents it."""

from datetime import datetime

import pytest

from keypool_lab.simulator import Options, Simulator
from tests.contract.simulator_client import Client, client_of


async def test_a_created_key_comes_with_its_terms(client: Client) -> None:
    key = await client.create(rate_limit_rpm=5, expires_in_days=2)
    assert set(key) == {"id", "key", "expires_at", "rate_limit_rpm", "is_active"}
    assert (key["rate_limit_rpm"], key["is_active"]) == (5, True)
    assert datetime.fromisoformat(key["expires_at"]).tzinfo is not None


async def test_the_listing_has_values_and_no_names(client: Client) -> None:
    key = await client.create()
    assert await client.admin("GET", "/keys") == (200, {"keys": [key]})


async def test_the_listing_has_names_where_that_is_asked_for() -> None:
    async with Simulator(Options(names=True)) as simulator, client_of(simulator.url, simulator.admin_key) as client:
        await client.create(name="mine")
        _, answer = await client.admin("GET", "/keys")
        assert answer["keys"][0]["name"] == "mine"


@pytest.mark.parametrize(
    ("terms", "status"),
    [
        ({"expires_in_days": 0}, 400),
        ({"expires_in_days": 31}, 400),
        ({"expires_in_days": 1.5}, 422),
        ({"expires_in_days": "3"}, 422),
        ({"name": ""}, 422),
        ({"name": None}, 422),
        ({"rate_limit_rpm": 0}, 422),
        ({"scopes": []}, 422),
        ({"scopes": ["root"]}, 422),
    ],
)
async def test_nonsense_is_refused_with_the_fields_name_and_creates_nothing(
    simulator: Simulator, client: Client, terms: dict[str, object], status: int
) -> None:
    answered, error = await client.admin("POST", "/keys", {"name": "n", **terms})
    assert answered == status
    assert next(iter(terms)) in error["error"]["message"]
    assert simulator.record.keys() == ()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/keys"), ("POST", "/keys"), ("GET", "/keys/validate"), ("DELETE", "/keys/key_1")]
)
async def test_the_admin_side_refuses_others(simulator: Simulator, method: str, path: str) -> None:
    async with client_of(simulator.url, "somebody-else") as stranger:
        assert await stranger.admin(method, path) == (401, {"error": {"message": "Invalid API key"}})


async def test_a_key_is_validated_by_header_and_by_query(client: Client) -> None:
    value = (await client.create())["key"]
    assert await client.valid(value)
    assert await client.admin("GET", f"/keys/validate?key={value}") == (200, {"is_valid": True})


async def test_an_unknown_key_is_not_valid(client: Client) -> None:
    assert not await client.valid("sk-hs-unknown")


async def test_a_deleted_key_is_gone_everywhere(client: Client) -> None:
    key = await client.create()
    assert (await client.admin("DELETE", f"/keys/{key['id']}"))[0] == 204
    assert (await client.admin("DELETE", f"/keys/{key['id']}"))[0] == 404
    assert await client.listed() == []
    assert not await client.valid(key["key"])
    assert await client.chat(key["key"]) == (401, {"error": {"message": "Invalid API key"}})


async def test_newest_is_no_id_of_the_api(client: Client) -> None:
    await client.create()
    assert (await client.admin("DELETE", "/keys/newest"))[0] == 404


async def test_a_chat_is_answered_in_the_usual_shape(client: Client) -> None:
    status, answer = await client.chat((await client.create())["key"])
    assert (status, answer["object"], answer["model"]) == (200, "chat.completion", "deepseek-chat")
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "You said: hello"}


async def test_equal_texts_have_equal_embeddings_and_others_do_not(client: Client) -> None:
    value = (await client.create())["key"]
    vectors = [(await client.embed(value, text))[1]["data"][0]["embedding"] for text in ("a", "a", "b")]
    assert vectors[0] == vectors[1] != vectors[2]


async def test_a_key_is_good_for_its_scopes_only(client: Client) -> None:
    value = (await client.create(scopes=["embeddings:write"]))["key"]
    assert (await client.chat(value))[0] == 403
    assert (await client.embed(value))[0] == 200


async def test_a_key_expires_after_scaled_days() -> None:
    now = [1_000_000.0]
    async with (
        Simulator(Options(day=2.0), clock=lambda: now[0]) as simulator,
        client_of(simulator.url, simulator.admin_key) as client,
    ):
        value = (await client.create(expires_in_days=3))["key"]
        now[0] += 5.9
        assert await client.valid(value)
        now[0] += 0.1
        assert not await client.valid(value)
        assert await client.chat(value) == (401, {"error": {"message": "Key has expired"}})
        assert simulator.record.live_keys() == ()


async def test_a_key_has_its_requests_per_minute_and_no_more() -> None:
    now = [1_000_000.0]
    async with (
        Simulator(clock=lambda: now[0]) as simulator,
        client_of(simulator.url, simulator.admin_key) as client,
    ):
        value, other = [(await client.create(rate_limit_rpm=2))["key"] for _ in range(2)]
        statuses = [(await client.chat(value))[0] for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await client.chat(other))[0] == 200
        now[0] += 60
        assert (await client.chat(value))[0] == 200
