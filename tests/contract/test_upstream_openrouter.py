"""Our OpenRouter answers as its documentation says, traps included."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.upstream_client import Caller, Watch
from tests.upstreams.openrouter import COST_OF_A_CHAT, OpenRouter
from tests.upstreams.server import fingerprint


@pytest.fixture
async def upstream(watch: Watch) -> AsyncIterator[OpenRouter]:
    async with OpenRouter(watch) as running:
        yield running


async def create(call: Caller, **terms: object) -> Any:
    got = await call("POST", "/keys", {"name": "n", **terms})
    assert got.status == 201, got.body
    return got.body


async def test_a_created_key_works_and_shows_its_value_once(call: Caller, upstream: OpenRouter) -> None:
    made = await create(call)
    assert made["key"].startswith("sk-or-v1-")
    assert (await call("GET", "/key", bearer=made["key"])).status == 200
    listed = (await call("GET", "/keys")).body["data"][0]
    assert made["key"] not in str(listed)
    assert listed["hash"] == made["data"]["hash"]
    assert await upstream.live_fingerprints() == {fingerprint(made["key"])}


async def test_names_are_not_unique(call: Caller) -> None:
    assert (await create(call))["data"]["hash"] != (await create(call))["data"]["hash"]


async def test_the_list_has_pages_of_a_hundred(call: Caller) -> None:
    for _ in range(101):
        await create(call)
    pages = [(await call("GET", f"/keys?offset={offset}")).body["data"] for offset in (0, 100, 200)]
    assert [len(page) for page in pages] == [100, 1, 0]


async def test_the_list_shows_one_workspace_and_disabled_keys_on_request_only(call: Caller) -> None:
    team = "11111111-2222-4333-8444-555555555555"
    handle = (await create(call, workspace_id=team))["data"]["hash"]
    await call("PATCH", f"/keys/{handle}", {"disabled": True})

    async def listed(query: str) -> int:
        return len((await call("GET", f"/keys?{query}")).body["data"])

    assert await listed("include_disabled=true") == 0
    assert await listed(f"workspace_id={team}") == 0
    assert await listed(f"workspace_id={team}&include_disabled=true") == 1


@pytest.mark.parametrize(
    "terms",
    [{"name": ""}, {"limit_reset": "hourly"}, {"expires_at": "2027-01-01T00:00:00+01:00"}, {"workspace_id": "team"}],
)
async def test_bad_terms_are_refused(call: Caller, terms: dict[str, object]) -> None:
    got = await call("POST", "/keys", {"name": "n"} | terms)
    assert (got.status, got.body["error"]["code"]) == (400, 400)


async def test_an_expired_key_is_rejected(call: Caller, watch: Watch) -> None:
    made = await create(call, expires_at="2026-11-26T00:00:00Z")
    watch.now += timedelta(minutes=1)
    assert (await call("GET", "/key", bearer=made["key"])).status == 401


async def test_a_disabled_key_is_rejected_until_it_is_enabled(call: Caller) -> None:
    made = await create(call)
    statuses = []
    for disabled in (True, False):
        await call("PATCH", f"/keys/{made['data']['hash']}", {"disabled": disabled})
        statuses.append((await call("GET", "/key", bearer=made["key"])).status)
    assert statuses == [401, 200]


async def test_a_key_is_deleted_once(call: Caller) -> None:
    path = f"/keys/{(await create(call))['data']['hash']}"
    assert [(await call("DELETE", path)).status for _ in range(2)] == [200, 404]


async def test_a_key_over_its_limit_completes_no_chats_but_is_accepted(call: Caller) -> None:
    made = await create(call, limit=COST_OF_A_CHAT, limit_reset="daily")
    statuses = [(await call("POST", "/chat/completions", {}, made["key"])).status for _ in range(2)]
    assert statuses == [200, 402]
    assert (await call("GET", "/key", bearer=made["key"])).body["data"]["limit_remaining"] == 0


async def test_usage_and_limit_begin_anew_at_midnight_utc(call: Caller, watch: Watch) -> None:
    made = await create(call, limit=1, limit_reset="daily")
    await call("POST", "/chat/completions", {}, made["key"])
    watch.now += timedelta(minutes=1)
    shown = (await call("GET", f"/keys/{made['data']['hash']}")).body["data"]
    assert (shown["usage_daily"], shown["usage_weekly"], shown["limit_remaining"]) == (0, COST_OF_A_CHAT, 1)
    assert shown["last_used_at"] == "2026-11-25T23:59:00Z"


async def test_a_key_has_one_guardrail_and_the_last_one_counts(call: Caller, upstream: OpenRouter) -> None:
    upstream.guardrails |= {"first", "second"}
    handle = (await create(call))["data"]["hash"]
    for guardrail in ("first", "second"):
        got = await call("POST", f"/guardrails/{guardrail}/assignments/keys", {"key_hashes": [handle]})
        assert got.body == {"assigned_count": 1}
    totals = [
        (await call("GET", f"/guardrails/{guardrail}/assignments/keys")).body["total_count"]
        for guardrail in ("first", "second")
    ]
    assert totals == [0, 1]


@pytest.mark.parametrize(("guardrail", "hashes"), [("other", "real"), ("known", ["none"])])
async def test_an_unknown_guardrail_or_key_is_not_found(
    call: Caller, upstream: OpenRouter, guardrail: str, hashes: object
) -> None:
    upstream.guardrails.add("known")
    real = [(await create(call))["data"]["hash"]]
    body = {"key_hashes": real if hashes == "real" else hashes}
    assert (await call("POST", f"/guardrails/{guardrail}/assignments/keys", body)).status == 404


async def test_the_daily_cap_counts_changes_and_ends_at_midnight(
    call: Caller, upstream: OpenRouter, watch: Watch
) -> None:
    upstream.daily_changes = 1
    made = await create(call)
    refused = await call("DELETE", f"/keys/{made['data']['hash']}")
    assert refused.status == 429
    assert "keys-modify-api-rpd-v2" in refused.body["error"]["message"]
    assert (await call("GET", "/keys")).status == 200
    watch.now += upstream.until_reset()
    assert (await call("DELETE", f"/keys/{made['data']['hash']}")).status == 200


async def test_models_are_public_and_prove_nothing(call: Caller) -> None:
    assert (await call("GET", "/models", bearer="sk-or-v1-unknown")).status == 200
    assert (await call("GET", "/key", bearer="sk-or-v1-unknown")).status == 401


async def test_keys_manage_no_keys_and_management_keys_complete_no_chats(call: Caller) -> None:
    made = await create(call)
    assert (await call("GET", "/keys", bearer=made["key"])).status == 403
    assert (await call("POST", "/chat/completions", {})).status == 403


async def test_an_expired_management_key_is_refused_until_it_is_restored(call: Caller, upstream: OpenRouter) -> None:
    await upstream.expire_admin()
    assert (await call("GET", "/keys")).status == 401
    await upstream.restore_admin()
    assert (await call("GET", "/keys")).status == 200
