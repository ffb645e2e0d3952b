"""Our OpenAI answers as its reference says, traps included."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.upstream_client import Caller, Watch
from tests.upstreams.openai import OpenAI
from tests.upstreams.server import fingerprint


class Project:
    """Calls to one project's service accounts and keys."""

    def __init__(self, upstream: OpenAI, call: Caller) -> None:
        self.call, self.path = call, f"/organization/projects/{upstream.project}"

    async def account(self, **terms: object) -> Any:
        got = await self.call("POST", f"{self.path}/service_accounts", {"name": "pool", **terms})
        assert got.status == 200, got.body
        return got.body

    async def key(self, account: str, **terms: object) -> Any:
        got = await self.call("POST", f"{self.path}/service_accounts/{account}/api_keys", {"name": "n", **terms})
        assert got.status == 200, got.body
        return got.body

    async def listed(self, query: str = "") -> Any:
        return (await self.call("GET", f"{self.path}/api_keys?{query}")).body


@pytest.fixture
async def upstream(watch: Watch) -> AsyncIterator[OpenAI]:
    async with OpenAI(watch) as running:
        yield running


@pytest.fixture
def project(upstream: OpenAI, call: Caller) -> Project:
    return Project(upstream, call)


async def test_an_account_comes_with_a_key(project: Project, upstream: OpenAI) -> None:
    made = await project.account()
    assert (made["role"], made["api_key"]["value"][:11]) == ("member", "sk-svcacct-")
    assert await upstream.live_fingerprints() == {fingerprint(made["api_key"]["value"])}


async def test_an_account_alone_has_no_role_and_its_keys_may_do_nothing(project: Project, call: Caller) -> None:
    made = await project.account(create_service_account_only=True)
    assert (made["role"], made["api_key"]) == ("none", None)
    key = await project.key(made["id"])
    refused = await call("GET", "/models", bearer=key["value"])
    assert (refused.status, refused.body["error"]["code"]) == (401, None)
    await call("POST", f"{project.path}/service_accounts/{made['id']}", {"role": "member"})
    assert (await call("GET", "/models", bearer=key["value"])).status == 200


async def test_keys_of_accounts_without_a_role_are_listed_on_request_only(project: Project) -> None:
    await project.key((await project.account(create_service_account_only=True))["id"])
    assert (await project.listed())["data"] == []
    assert len((await project.listed("owner_project_access=any"))["data"]) == 1


async def test_an_account_has_several_keys_and_loses_one_alone(project: Project, call: Caller) -> None:
    account = await project.account()
    extra = await project.key(account["id"], name="extra")
    path = f"{project.path}/api_keys/{extra['id']}"
    assert [(await call("DELETE", path)).status for _ in range(2)] == [200, 404]
    assert [key["id"] for key in (await project.listed())["data"]] == [account["api_key"]["id"]]


async def test_the_list_shows_names_owners_and_redacted_values(project: Project) -> None:
    account = await project.account()
    made = await project.key(account["id"], name="mine", expires_in_seconds=60)
    listed = (await project.listed())["data"][-1]
    assert (listed["name"], listed["owner"]["service_account"]["id"]) == ("mine", account["id"])
    assert listed["expires_at"] == made["expires_at"] == made["created_at"] + 60
    assert made["value"] not in str(listed)


async def test_pages_follow_a_cursor(project: Project) -> None:
    account = (await project.account())["id"]
    for _ in range(20):
        await project.key(account)
    first = await project.listed()
    second = await project.listed(f"after={first['last_id']}")
    assert (len(first["data"]), first["has_more"], len(second["data"]), second["has_more"]) == (20, True, 1, False)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=key_unknown"])
async def test_a_bad_page_is_refused(project: Project, call: Caller, query: str) -> None:
    got = await call("GET", f"{project.path}/api_keys?{query}")
    assert (got.status, got.body["error"]["type"]) == (400, "invalid_request_error")


async def test_an_expired_key_is_rejected_and_cannot_be_updated(project: Project, call: Caller, watch: Watch) -> None:
    made = await project.key((await project.account())["id"], expires_in_seconds=60)
    watch.now += timedelta(seconds=60)
    assert (await call("GET", "/models", bearer=made["value"])).body["error"]["code"] == "invalid_api_key"
    assert (await call("POST", f"{project.path}/api_keys/{made['id']}", {"expires_in_seconds": 60})).status == 400


async def test_an_update_sets_the_expiry_from_now_and_replaces_the_scopes(
    project: Project, call: Caller, watch: Watch
) -> None:
    made = await project.key((await project.account())["id"])
    watch.now += timedelta(seconds=10)
    changes = {"expires_in_seconds": 60, "scopes": ["model.request"]}
    got = await call("POST", f"{project.path}/api_keys/{made['id']}", changes)
    assert got.body["expires_at"] == made["created_at"] + 70
    assert (await call("GET", "/models", bearer=made["value"])).status == 401


@pytest.mark.parametrize(
    ("scopes", "models", "chat"),
    [([], 200, 200), (["api.all.read"], 200, 401), (["model.request"], 401, 200), (["api.model.read"], 200, 401)],
)
async def test_a_key_may_do_what_its_scopes_say(
    project: Project, call: Caller, scopes: list[str], models: int, chat: int
) -> None:
    value = (await project.key((await project.account())["id"], scopes=scopes))["value"]
    assert (await call("GET", "/models", bearer=value)).status == models
    assert (await call("POST", "/chat/completions", {}, value)).status == chat


async def test_a_chat_is_the_last_use(project: Project, call: Caller) -> None:
    made = (await project.account())["api_key"]
    await call("POST", "/chat/completions", {}, made["value"])
    assert (await project.listed())["data"][0]["last_used_at"] == made["created_at"]


@pytest.mark.parametrize("lifetime", [None, 3601])
async def test_a_policy_refuses_keys_that_live_too_long(
    project: Project, call: Caller, upstream: OpenAI, lifetime: int | None
) -> None:
    account = await project.account(create_service_account_only=True)
    upstream.longest_key = 3600
    path = f"{project.path}/service_accounts/{account['id']}/api_keys"
    refused = await call("POST", path, {"expires_in_seconds": lifetime})
    assert (refused.status, refused.body["error"]["param"]) == (400, "expires_in_seconds")
    assert (await call("POST", path, {"expires_in_seconds": 3600})).status == 200


@pytest.mark.parametrize("lifetime", [0, 31_536_001, "60", 1.5])
async def test_a_bad_lifetime_is_refused(project: Project, call: Caller, lifetime: object) -> None:
    path = f"{project.path}/service_accounts/{(await project.account())['id']}/api_keys"
    assert (await call("POST", path, {"expires_in_seconds": lifetime})).status == 400


async def test_an_account_takes_its_keys_along(project: Project, call: Caller, upstream: OpenAI) -> None:
    account = await project.account()
    assert (await call("DELETE", f"{project.path}/service_accounts/{account['id']}")).body["deleted"]
    assert await upstream.live_fingerprints() == frozenset()
    assert (await call("GET", f"{project.path}/service_accounts")).body["data"] == []


async def test_only_the_admin_key_manages_keys(project: Project, call: Caller, upstream: OpenAI) -> None:
    value = (await project.account())["api_key"]["value"]
    refused = await call("GET", f"{project.path}/api_keys", bearer=value)
    assert (refused.status, refused.body["error"]["code"]) == (401, None)
    await upstream.expire_admin()
    refused = await call("GET", "/organization/projects")
    assert (refused.status, refused.body["error"]["code"]) == (401, "invalid_api_key")
    await upstream.restore_admin()
    assert (await call("GET", "/organization/projects")).body["data"][0]["id"] == upstream.project


async def test_another_project_is_not_found(call: Caller) -> None:
    assert (await call("GET", "/organization/projects/proj_other/api_keys")).status == 404
