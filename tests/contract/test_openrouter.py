"""The OpenRouter adapter: what is not the same for every provider."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import OpenRouter as Options
from keypool.core.limits import NO_LIMITS, Identity, Limits, SpendLimit
from keypool.providers.errors import Ambiguous, Rejected, Throttled, Unreadable
from keypool.providers.openrouter import OpenRouterProvider
from keypool.providers.outcomes import until_midnight
from keypool.providers.protocol import NewKey, Probe
from keypool.providers.transport import Deadlines, Transport
from tests.contract.subjects import IMPATIENT, KEY, PATIENT
from tests.contract.upstream_client import caller
from tests.upstreams.openrouter import COST_OF_A_CHAT, PAGE, OpenRouter
from tests.upstreams.openrouter_keys import DEFAULT_WORKSPACE, Changes, Key
from tests.upstreams.proxy import FAILED, Delay, Fault, FaultProxy, Lose, Say, throttled

TENANTS = "5f0c9a52-1111-4222-8333-0123456789ab"
GUARDRAIL = "a-guardrail"


@asynccontextmanager
async def adapter(
    upstream: OpenRouter, url: str = "", deadlines: Deadlines = PATIENT, **options: str
) -> AsyncIterator[OpenRouterProvider]:
    """An adapter for that upstream, or what stands before it at `url`."""
    transport = Transport(url or upstream.url, SecretStr(upstream.admin_credential), deadlines)
    provider = OpenRouterProvider(Options.model_validate(options), transport)
    yield provider
    await provider.close()


@pytest.fixture
async def upstream() -> AsyncIterator[OpenRouter]:
    async with OpenRouter() as running:
        running.guardrails.add(GUARDRAIL)
        yield running


@pytest.fixture
async def provider(upstream: OpenRouter) -> AsyncIterator[OpenRouterProvider]:
    async with adapter(upstream) as built:
        yield built


@pytest.fixture
async def proxy(upstream: OpenRouter) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(upstream.url) as running:
        yield running


def new(**more: object) -> NewKey:
    return NewKey(KEY.name, KEY.lifetime, **more)  # type: ignore[arg-type]


async def test_a_key_lives_exactly_as_long_as_asked(upstream: OpenRouter, provider: OpenRouterProvider) -> None:
    asked = datetime.now(UTC) + KEY.lifetime
    created = await provider.create(KEY)
    assert created.expires_at == upstream.key(created.handle).terms.expires_at
    assert created.expires_at
    late = datetime.now(UTC) + KEY.lifetime
    assert asked - timedelta(seconds=1) <= created.expires_at <= late, "a provider may refuse a longer life"


@pytest.mark.parametrize(
    ("spend", "expected"),
    [
        (None, (None, None)),
        (SpendLimit(Decimal("12.5")), (12.5, None)),
        (SpendLimit(Decimal(3), "Daily"), (3, "daily")),
        (SpendLimit(Decimal(3), "Weekly"), (3, "weekly")),
        (SpendLimit(Decimal(3), "Monthly"), (3, "monthly")),
    ],
)
async def test_a_spending_limit_holds_from_the_start_and_is_changed_in_place(
    upstream: OpenRouter,
    provider: OpenRouterProvider,
    spend: SpendLimit | None,
    expected: tuple[float | None, str | None],
) -> None:
    limited = await provider.create(new(limits=Limits(spend=spend)))
    changed = await provider.create(new(limits=Limits(spend=SpendLimit(Decimal(99), "Weekly"))))
    await provider.update(changed.handle, Limits(spend=spend))
    terms = [upstream.key(key.handle).terms for key in (limited, changed)]
    assert [(one.limit, one.limit_reset) for one in terms] == [expected, expected]


@pytest.mark.parametrize(("field", "kept"), [("limit", "5"), ("limit_reset", "daily")])
async def test_a_limit_that_is_kept_although_the_change_was_accepted_is_told(
    upstream: OpenRouter, provider: OpenRouterProvider, monkeypatch: pytest.MonkeyPatch, field: str, kept: str
) -> None:
    created = await provider.create(new(limits=Limits(spend=SpendLimit(Decimal(5), "Daily"))))
    change = Key.change

    def ignores_null(key: Key, changes: Changes, now: datetime) -> None:
        change(key, Changes.model_validate(changes.model_dump(exclude_unset=True, exclude={field})), now)

    monkeypatch.setattr(Key, "change", ignores_null)
    with pytest.raises(Rejected, match=rf"answered that it is done, and {field} is {kept}.* instead of None"):
        await provider.update(created.handle, NO_LIMITS)


async def test_what_a_key_spent_and_when_is_told(upstream: OpenRouter, provider: OpenRouterProvider) -> None:
    created, began = await provider.create(KEY), datetime.now(UTC)
    async with caller(upstream.url) as call:
        for _ in range(2):
            await call("POST", "/chat/completions", {}, bearer=created.value.get_secret_value())
    usage = await provider.usage(created.handle)
    assert usage
    assert usage.spend == Decimal(str(COST_OF_A_CHAT)) * 2
    assert usage.last_used_at
    assert usage.last_used_at >= began


async def test_a_key_whose_limit_is_used_up_is_still_accepted(
    upstream: OpenRouter, provider: OpenRouterProvider
) -> None:
    created = await provider.create(new(limits=Limits(spend=SpendLimit(Decimal("0.1")))))
    upstream.key(created.handle).use(1.0, datetime.now(UTC))
    assert await provider.probe(created.value) is Probe.ACCEPTED


async def test_a_key_has_its_guardrail_before_anybody_gets_it(upstream: OpenRouter) -> None:
    async with adapter(upstream, guardrail=GUARDRAIL) as provider:
        created = await provider.create(KEY)
    assert upstream.key(created.handle).guardrail == GUARDRAIL


async def test_the_guardrail_of_a_tenant_goes_before_that_of_the_provider(upstream: OpenRouter) -> None:
    upstream.guardrails.add("the-tenants")
    async with adapter(upstream, guardrail=GUARDRAIL) as provider:
        created = await provider.create(new(identity=Identity(guardrail="the-tenants")))
    assert upstream.key(created.handle).guardrail == "the-tenants"


@pytest.mark.parametrize(
    "fault", [Lose(), FAILED, throttled("7"), Say(404), Say(403), Say(200, '{"assigned_count": 0}'), Say(200, "{}")]
)
async def test_a_key_that_did_not_get_its_guardrail_is_not_used_but_named_for_revocation(
    upstream: OpenRouter, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.next("POST", "/guardrails/", fault)
    async with adapter(upstream, proxy.url, guardrail=GUARDRAIL) as provider:
        with pytest.raises(Unreadable, match="without its guardrail") as caught:
            await provider.create(KEY)
        assert [key.handle for key in await provider.list_keys()] == [caught.value.handle]


async def test_a_create_with_its_guardrail_takes_no_longer_than_any_create(
    upstream: OpenRouter, proxy: FaultProxy
) -> None:
    proxy.next("POST", "/keys$", Delay(IMPATIENT.create * 0.6))
    proxy.next("POST", "/guardrails/", Delay(30))
    async with adapter(upstream, proxy.url, IMPATIENT, guardrail=GUARDRAIL) as provider:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unreadable):
            await provider.create(KEY)
        assert asyncio.get_running_loop().time() - began < IMPATIENT.create + 1.0


@pytest.mark.parametrize(
    ("key", "hash_", "handle"),
    [
        (None, "abc", "abc"),
        ("sk-or-line\nbreak-0123456789", "abc", "abc"),
        ("sk-or-v1-0123456789abcdef", "../keys", None),
        ("sk-or-v1-0123456789abcdef", "a\u0000b", None),
    ],
)
async def test_a_value_or_a_handle_that_is_none_is_never_used(
    upstream: OpenRouter, proxy: FaultProxy, key: str | None, hash_: str, handle: str | None
) -> None:
    data = {"hash": hash_, "name": "n", "disabled": False, "usage": 0}
    proxy.next("POST", "/keys$", Say(201, json.dumps({"key": key, "data": data})))
    async with adapter(upstream, proxy.url) as provider:
        with pytest.raises(Unreadable) as caught:
            await provider.create(KEY)
    assert caught.value.handle == handle


async def test_a_listing_with_one_malformed_entry_is_none(upstream: OpenRouter, proxy: FaultProxy) -> None:
    proxy.next("GET", "/keys$", Say(body='{"data": [{"hash": "../x", "name": "kp.n", "disabled": false, "usage": 0}]}'))
    async with adapter(upstream, proxy.url) as provider:
        with pytest.raises(Ambiguous, match="not a complete listing"):
            await provider.list_keys()


@pytest.mark.parametrize("change", ["create", "revoke", "disable"])
async def test_the_daily_cap_on_changes_is_waited_out_until_midnight(change: str) -> None:
    async with OpenRouter(daily_changes=1) as upstream, adapter(upstream) as provider:
        handle = (await provider.create(KEY)).handle
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "create": lambda: provider.create(KEY),
            "revoke": lambda: provider.revoke(handle),
            "disable": lambda: provider.disable(handle),
        }
        with pytest.raises(Throttled) as caught:
            await calls[change]()
        assert caught.value.retry_after
        assert abs(caught.value.retry_after - until_midnight(datetime.now(UTC))) < timedelta(minutes=1)
        assert len(await provider.list_keys()) == 1


async def test_keys_of_all_workspaces_are_listed_where_tenants_have_their_own(
    upstream: OpenRouter, provider: OpenRouterProvider
) -> None:
    provider.tenanted = True
    upstream.workspaces.append(TENANTS)
    theirs = await provider.create(new(identity=Identity(workspace=TENANTS)))
    ours = await provider.create(KEY)
    assert upstream.key(theirs.handle).workspace == TENANTS
    assert upstream.key(ours.handle).workspace == DEFAULT_WORKSPACE
    assert {key.handle for key in await provider.list_keys()} == {theirs.handle, ours.handle}


async def test_without_tenants_the_workspace_of_the_options_alone_is_used_and_listed(upstream: OpenRouter) -> None:
    upstream.workspaces.append(TENANTS)
    await upstream.make_foreign_key("in the default workspace")
    async with adapter(upstream, workspace=TENANTS) as provider:
        created = await provider.create(KEY)
        assert [key.handle for key in await provider.list_keys()] == [created.handle]
        with pytest.raises(Rejected, match="only a provider for tenants"):
            await provider.create(new(identity=Identity(workspace=DEFAULT_WORKSPACE)))


@pytest.mark.parametrize("page", [2, 9, 50, 250])
async def test_a_listing_is_complete_whatever_the_size_of_its_pages(upstream: OpenRouter, page: int) -> None:
    upstream.page, upstream.workspaces = page, [*upstream.workspaces, *(f"workspace-{n}" for n in range(19)), TENANTS]
    handles = {await upstream.make_foreign_key(f"foreign-{n}") for n in range(100)}
    async with adapter(upstream) as provider:
        assert {key.handle for key in await provider.list_keys()} == handles
        provider.tenanted = True
        theirs = await provider.create(new(identity=Identity(workspace=TENANTS)))
        assert {key.handle for key in await provider.list_keys()} == {*handles, theirs.handle}


class Busy(OpenRouter):
    """Something happens between the pages of a listing."""

    deletes = creates = False

    async def _list(self, request: web.Request) -> web.Response:
        answer = await super()._list(request)
        if request.query["offset"] == "0":
            handles = [key["hash"] for key in json.loads(answer.body)["data"]]  # type: ignore[arg-type]
            for handle in handles[:2] if self.deletes else ():
                await self.end_key_outside(handle)
            if self.creates:
                await self.make_foreign_key("made meanwhile")
        return answer


@pytest.mark.parametrize("deletes", [True, False])
@pytest.mark.parametrize("creates", [True, False])
async def test_no_key_is_overlooked_when_others_come_or_go_between_two_pages(deletes: bool, creates: bool) -> None:
    async with Busy() as upstream, adapter(upstream) as provider:
        handles = {await upstream.make_foreign_key(f"foreign-{n}") for n in range(PAGE + 20)}
        upstream.deletes, upstream.creates = deletes, creates
        try:
            assert {key.handle for key in await provider.list_keys()} == handles
        except Ambiguous:
            assert deletes
