"""The OpenAI adapter: what is not the same for every provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import OpenAI as Options
from keypool.core.limits import Identity
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Unavailable, Unreadable
from keypool.providers.openai import OpenAIProvider
from keypool.providers.protocol import NewKey, Probe
from keypool.providers.transport import Deadlines, Transport
from tests.contract.subjects import IMPATIENT, KEY, PATIENT
from tests.contract.upstream_client import caller
from tests.upstreams.openai import OpenAI
from tests.upstreams.proxy import HTML, Delay, Fault, FaultProxy, Lose, Say, Truncate


@asynccontextmanager
async def adapter(
    upstream: OpenAI, url: str = "", project: str = "", deadlines: Deadlines = PATIENT
) -> AsyncIterator[OpenAIProvider]:
    """An adapter for that upstream, or what stands before it at `url`; in its project, or another."""
    transport = Transport(url or upstream.url, SecretStr(upstream.admin_credential), deadlines)
    provider = OpenAIProvider(Options(project=project or upstream.project), transport)
    yield provider
    await provider.close()


@pytest.fixture
async def upstream() -> AsyncIterator[OpenAI]:
    async with OpenAI() as running:
        yield running


@pytest.fixture
async def provider(upstream: OpenAI) -> AsyncIterator[OpenAIProvider]:
    async with adapter(upstream) as built:
        yield built


@pytest.fixture
async def proxy(upstream: OpenAI) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(upstream.url) as running:
        yield running


def new(owner: str = KEY.owner, lifetime: timedelta = KEY.lifetime, **more: object) -> NewKey:
    return NewKey(KEY.name, lifetime, owner=owner, **more)  # type: ignore[arg-type]


async def chat(upstream: OpenAI, value: SecretStr) -> int:
    async with caller(upstream.url) as call:
        return (await call("POST", "/chat/completions", {}, bearer=value.get_secret_value())).status


async def test_the_keys_of_a_pool_are_in_one_service_account_that_may_use_models(
    upstream: OpenAI, provider: OpenAIProvider
) -> None:
    created = [await provider.create(KEY) for _ in range(2)]
    assert [(account.name, account.role) for account in upstream.accounts()] == [(KEY.owner, "member")]
    assert [await chat(upstream, key.value) for key in created] == [200, 200]


async def test_each_pool_has_a_service_account_of_its_own(upstream: OpenAI, provider: OpenAIProvider) -> None:
    for owner in ("one", "other"):
        await provider.create(new(owner))
    assert {account.name for account in upstream.accounts()} == {"one", "other"}


async def test_keys_made_at_once_share_one_service_account(upstream: OpenAI, provider: OpenAIProvider) -> None:
    await asyncio.gather(*(provider.create(KEY) for _ in range(8)))
    assert len(upstream.accounts()) == 1


async def test_a_restarted_operator_finds_the_service_account_among_many(
    upstream: OpenAI, provider: OpenAIProvider
) -> None:
    for number in range(130):
        await upstream.make_foreign_key(f"foreign-{number}")
    await provider.create(KEY)
    async with adapter(upstream) as restarted:
        await restarted.create(KEY)
    assert [account.name for account in upstream.accounts()].count(KEY.owner) == 1


async def test_an_account_that_was_left_without_a_role_is_made_a_member(upstream: OpenAI, proxy: FaultProxy) -> None:
    proxy.next("POST", "/service_accounts/[^/]+$", Say(500))
    async with adapter(upstream, proxy.url) as provider:
        with pytest.raises(Unavailable):
            await provider.create(KEY)
        created = await provider.create(KEY)
    assert [account.role for account in upstream.accounts()] == ["member"]
    assert await chat(upstream, created.value) == 200


@pytest.mark.parametrize("fault", [Lose(), HTML, Truncate(), Say(500)])
@pytest.mark.parametrize("call", ["GET", "POST"])
async def test_a_fault_before_the_key_is_asked_for_leaves_no_key_and_no_second_account(
    upstream: OpenAI, proxy: FaultProxy, call: str, fault: Fault
) -> None:
    proxy.next(call, "/service_accounts$", fault, times=5 if call == "GET" else 1)
    async with adapter(upstream, proxy.url) as provider:
        with pytest.raises(Unavailable, match="no key was asked for"):
            await provider.create(KEY)
        proxy.calm()
        assert await provider.list_keys() == ()
        await provider.create(KEY)
    assert len(upstream.accounts()) == 1


async def test_a_create_leaves_half_of_its_time_for_the_key(upstream: OpenAI, proxy: FaultProxy) -> None:
    proxy.next("POST", "/service_accounts$", Delay(30))
    async with adapter(upstream, proxy.url, deadlines=IMPATIENT) as provider:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="no key was asked for"):
            await provider.create(KEY)
        assert asyncio.get_running_loop().time() - began < IMPATIENT.create


async def test_a_service_account_that_somebody_deleted_is_made_anew(upstream: OpenAI, provider: OpenAIProvider) -> None:
    await provider.create(KEY)
    [account] = upstream.accounts()
    async with caller(upstream.url, upstream.admin_credential) as call:
        await call("DELETE", f"/organization/projects/{upstream.project}/service_accounts/{account.id}")
    with pytest.raises(Unavailable, match="its service account is gone"):
        await provider.create(KEY)
    assert await provider.probe((await provider.create(KEY)).value) is Probe.ACCEPTED


async def test_the_service_account_stays_when_its_last_key_is_revoked(
    upstream: OpenAI, provider: OpenAIProvider
) -> None:
    await provider.revoke((await provider.create(KEY)).handle)
    assert len(upstream.accounts()) == 1


@pytest.mark.parametrize(("asked", "granted"), [(0.2, 1), (60, 60), (60.5, 61), (400 * 86400, 365 * 86400)])
async def test_a_lifetime_is_rounded_up_to_seconds_within_what_is_granted(
    provider: OpenAIProvider, asked: float, granted: int
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    created = await provider.create(new(lifetime=timedelta(seconds=asked)))
    assert created.expires_at
    assert 0 <= (created.expires_at - began).total_seconds() - granted < 5


async def test_what_a_policy_forbids_is_rejected_in_the_providers_words() -> None:
    async with OpenAI(longest_key=3600) as upstream, adapter(upstream) as provider:
        with pytest.raises(Rejected, match="policy demands an expiry of at most 3600 seconds"):
            await provider.create(KEY)
        assert await provider.create(new(lifetime=timedelta(hours=1)))


async def test_a_key_that_may_not_list_models_is_accepted_and_may_do_what_its_scopes_say(
    upstream: OpenAI, provider: OpenAIProvider
) -> None:
    created = await provider.create(new(scopes=("model.request",)))
    assert await chat(upstream, created.value) == 200
    assert await provider.probe(created.value) is Probe.ACCEPTED


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (403, "You have insufficient permissions for this operation. Missing scopes: api.model.read", Probe.ACCEPTED),
        (401, "Incorrect API key provided: sk-svcac*********0123", Probe.REJECTED),
        (403, "Country, region, or territory not supported", None),
        (401, "Your IP is not authorized", None),
        (401, "", None),
    ],
)
async def test_only_a_refusal_of_the_key_itself_is_a_verdict(
    upstream: OpenAI, proxy: FaultProxy, status: int, text: str, verdict: Probe | None
) -> None:
    proxy.next("GET", "/models$", Say(status, json.dumps({"error": {"message": text, "code": None}})))
    async with adapter(upstream, proxy.url) as provider:
        value = SecretStr("sk-svcacct-0123456789")
        if verdict is None:
            with pytest.raises(Ambiguous, match="does not say whether it is good"):
                await provider.probe(value)
        else:
            assert await provider.probe(value) is verdict


async def test_when_a_key_was_used_last_is_told(upstream: OpenAI, provider: OpenAIProvider) -> None:
    created, began = await provider.create(KEY), datetime.now(UTC).replace(microsecond=0)
    await chat(upstream, created.value)
    usage = await provider.usage(created.handle)
    assert usage
    assert usage.last_used_at
    assert usage.last_used_at >= began
    assert (usage.spend, usage.requests) == (None, None)


async def test_keys_of_an_account_without_access_are_listed_as_inactive(
    upstream: OpenAI, provider: OpenAIProvider
) -> None:
    await provider.create(KEY)
    upstream.accounts()[0].role = "none"
    assert [key.active for key in await provider.list_keys()] == [False]


async def test_keys_of_all_projects_are_listed_where_tenants_have_their_own(upstream: OpenAI) -> None:
    upstream.projects.append("proj_other")
    async with adapter(upstream) as provider:
        provider.tenanted = True
        created = [await provider.create(new(identity=Identity(project=one))) for one in ("proj_other", "")]
    async with adapter(upstream) as restarted:
        restarted.tenanted = True
        assert {key.handle for key in await restarted.list_keys()} == {key.handle for key in created}
        for key in created:
            await restarted.revoke(key.handle)
    assert await upstream.live_fingerprints() == frozenset()


async def test_without_tenants_the_project_of_the_options_alone_is_used_and_listed(upstream: OpenAI) -> None:
    upstream.projects.append("proj_other")
    await upstream.make_foreign_key("in the first project")
    async with adapter(upstream, project="proj_other") as provider:
        created = await provider.create(KEY)
        assert [key.handle for key in await provider.list_keys()] == [created.handle]
        with pytest.raises(Rejected, match="only a provider for tenants"):
            await provider.create(new(identity=Identity(project=upstream.project)))


@pytest.mark.parametrize(("project", "error"), [("proj_nobodys", "No such project"), ("../x", "the handle is not one")])
async def test_a_project_that_is_unknown_or_malformed_is_rejected(
    provider: OpenAIProvider, project: str, error: str
) -> None:
    provider.tenanted = True
    with pytest.raises(Rejected, match=error):
        await provider.create(new(identity=Identity(project=project)))


@pytest.mark.parametrize(
    ("id_", "value", "known"),
    [
        ("key_1", None, True),
        ("key_1", "sk-line\nbreak-0123456789", True),
        ("../x", "sk-svcacct-0123456789", False),
    ],
)
async def test_a_value_or_a_handle_that_is_none_is_never_used(
    upstream: OpenAI, proxy: FaultProxy, id_: str, value: str | None, known: bool
) -> None:
    proxy.next("POST", "/api_keys$", Say(200, json.dumps({"id": id_, "value": value, "expires_at": None})))
    async with adapter(upstream, proxy.url) as provider:
        with pytest.raises(Unreadable) as caught:
            await provider.create(KEY)
    assert caught.value.handle == (f"{upstream.project}/{id_}" if known else None)


class Busy(OpenAI):
    """The last key of a page is deleted before the next page is asked for."""

    deletes = False

    async def _list_keys(self, request: web.Request) -> web.Response:
        answer = await super()._list_keys(request)
        if self.deletes and "after" not in request.query:
            await self.end_key_outside(json.loads(answer.body)["last_id"])  # type: ignore[arg-type]
        return answer


async def test_a_listing_whose_cursor_was_deleted_is_none_and_the_next_is_complete() -> None:
    async with Busy() as upstream, adapter(upstream) as provider:
        for number in range(130):
            await upstream.make_foreign_key(f"foreign-{number}")
        upstream.deletes = True
        with pytest.raises(Ambiguous, match="not a complete listing"):
            await provider.list_keys()
        upstream.deletes = False
        assert len(await provider.list_keys()) == 129


@pytest.mark.parametrize("body", ['{"data": [], "has_more": true}', '{"data": []}', '{"data": [{"id": "../x"}]}'])
async def test_a_listing_that_is_not_shown_to_be_complete_is_none(
    upstream: OpenAI, proxy: FaultProxy, body: str
) -> None:
    proxy.next("GET", "/api_keys$", Say(body=body))
    async with adapter(upstream, proxy.url) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.list_keys()
    assert type(caught.value) is Ambiguous
