"""The webhook adapter, talking to the example server of the protocol, or to one that answers nonsense."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import Webhook as Options
from keypool.core.fingerprint import fingerprint
from keypool.core.limits import Identity, Limits, SpendLimit
from keypool.providers.errors import Ambiguous, CredentialRejected, Rejected, Unreadable
from keypool.providers.protocol import Found, NewKey, Probe, Revocation
from keypool.providers.transport import Deadlines, Transport
from keypool.providers.webhook import WebhookProvider
from tests.upstreams.server import Refused, Server
from tests.upstreams.webhook_upstream import Webhook

ALL = ("setsExpiry", "changesLimits", "disablesKeys", "setsSpendLimit", "setsRateLimit", "setsScopes", "setsModels")
FULL: Any = {"capabilities": [*ALL, "tellsUsage"]}
KEY = NewKey("kp.team.pool.i.n1", timedelta(hours=1), owner="kp.team.pool.i.0")
LIMITS = Limits(60, SpendLimit(Decimal("5.5"), "Daily"), ("deepseek-chat",))


def adapter_at(url: str, credential: str, **options: Any) -> WebhookProvider:
    return WebhookProvider(Options(**options), Transport(url, SecretStr(credential), Deadlines(1.0, 1.0)))


@pytest.fixture
async def upstream() -> AsyncIterator[Webhook]:
    async with Webhook() as running:
        yield running


@pytest.fixture
async def webhook(upstream: Webhook) -> AsyncIterator[WebhookProvider]:
    adapter = adapter_at(upstream.url, upstream.admin_credential, **FULL)
    yield adapter
    await adapter.close()


class Scripted(Server):
    """Answers every call with `answer`, and remembers what it was asked."""

    admin_prefix = "webhook-"

    def __init__(self, answer: Any, status: int = 200) -> None:
        super().__init__()
        self.answer, self.status, self.asked = answer, status, list[Any]()

    def routes(self) -> Any:
        return (web.route("*", "/{path:.*}", self._serve),)

    def refusal(self, status: int, message: str) -> Refused:
        return Refused(status, {"error": message})

    async def _serve(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path, await self.fields_of(request)))
        answer = self.answer(request) if callable(self.answer) else self.answer
        return web.json_response(answer, status=self.status)


async def scripted(answer: Any, call: Any, status: int = 200, **options: Any) -> Any:
    """What the adapter makes of the answer, and what it had asked."""
    async with Scripted(answer, status) as server:
        adapter = adapter_at(server.url, server.admin_credential, **options)
        try:
            return await call(adapter), server.asked
        finally:
            await adapter.close()


async def test_a_created_key_is_accepted_and_listed_by_its_name(webhook: WebhookProvider, upstream: Webhook) -> None:
    made = await webhook.create(KEY)
    assert await webhook.probe(made.value) is Probe.ACCEPTED
    (listed,) = await webhook.list_keys()
    assert (listed.handle, listed.name, listed.active) == (made.handle, KEY.name, True)
    assert await upstream.live_fingerprints() == {fingerprint(made.value)}


async def test_what_the_pool_asks_for_is_sent_and_nothing_else() -> None:
    key = NewKey(KEY.name, timedelta(hours=1), ("chat:write",), LIMITS, "owner", identity=Identity(team="team-7"))
    made = {"id": "k1", "value": "sk-example-1"}
    _, ((method, path, body),) = await scripted(made, lambda adapter: adapter.create(key), 201, **FULL)
    assert (method, path) == ("POST", "/keypool/v1/keys")
    limits = {"requestsPerMinute": 60, "models": ["deepseek-chat"], "spendLimit": {"amount": 5.5, "period": "daily"}}
    terms = {
        "name": KEY.name,
        "owner": "owner",
        "scopes": ["chat:write"],
        "identity": "team-7",
        "lifetimeSeconds": 3600,
    }
    assert body == terms | limits
    _, ((_, _, plain),) = await scripted(made, lambda adapter: adapter.create(NewKey("n", timedelta(hours=1))), 201)
    assert plain == {"name": "n"}


async def test_a_listing_has_all_pages(webhook: WebhookProvider) -> None:
    made = {(await webhook.create(NewKey(f"n{number}", timedelta(hours=1)))).handle for number in range(101)}
    assert {key.handle for key in await webhook.list_keys()} == made


async def test_a_name_that_was_used_before_may_have_become_a_key(webhook: WebhookProvider) -> None:
    await webhook.revoke((await webhook.create(KEY)).handle)
    with pytest.raises(Ambiguous, match="used before"):
        await webhook.create(KEY)


async def test_a_key_is_deleted_once_and_then_rejected(webhook: WebhookProvider) -> None:
    made = await webhook.create(KEY)
    assert await webhook.revoke(made.handle) is Revocation.DELETED
    assert await webhook.probe(made.value) is Probe.REJECTED
    assert await webhook.revoke(made.handle) is Revocation.NOT_FOUND


async def test_a_disabled_key_is_rejected_until_it_is_enabled(webhook: WebhookProvider) -> None:
    made = await webhook.create(KEY)
    assert await webhook.disable(made.handle) is Found.DONE
    assert await webhook.probe(made.value) is Probe.REJECTED
    assert await webhook.enable(made.handle) is Found.DONE
    assert await webhook.probe(made.value) is Probe.ACCEPTED
    assert await webhook.disable("k99") is Found.NOT_FOUND


async def test_all_limits_are_set_and_those_that_are_none_are_taken_away() -> None:
    told = {"id": "k1", "name": "n", "active": True}
    done, ((method, path, body),) = await scripted(told, lambda adapter: adapter.update("k1", Limits(7)), **FULL)
    assert (done, method, path) == (Found.DONE, "PATCH", "/keypool/v1/keys/k1")
    assert body == {"requestsPerMinute": 7, "spendLimit": None, "models": None}


async def test_usage_is_what_the_server_tells(webhook: WebhookProvider, upstream: Webhook) -> None:
    made = await webhook.create(KEY)
    upstream.spend(made.handle, 2.5)
    told = await webhook.usage(made.handle)
    assert told is not None
    assert (told.spend, told.requests) == (Decimal("2.5"), None)
    assert await webhook.usage("k99") is None


async def test_an_expired_admin_credential_is_told_as_one(webhook: WebhookProvider, upstream: Webhook) -> None:
    await upstream.expire_admin()
    with pytest.raises(CredentialRejected):
        await webhook.list_keys()


async def test_a_server_that_can_do_less_than_the_spec_says_is_refused(upstream: Webhook) -> None:
    adapter = adapter_at(upstream.url, upstream.admin_credential, capabilities=["setsModels", "limitsAccount"])
    with pytest.raises(Rejected, match=r"spec\.webhook\.capabilities names: limitsAccount$"):
        await adapter.list_keys()
    await adapter.close()


async def test_another_account_than_the_spec_names_is_refused(upstream: Webhook) -> None:
    adapter = adapter_at(upstream.url, upstream.admin_credential, account="other")
    with pytest.raises(Rejected, match="another account"):
        await adapter.list_keys()
    await adapter.close()


@pytest.mark.parametrize("account", [None, "example"])
async def test_without_capabilities_in_the_spec_the_least_is_assumed(upstream: Webhook, account: str | None) -> None:
    adapter = adapter_at(upstream.url, upstream.admin_credential, account=account)
    assert await adapter.list_keys() == ()
    assert not (adapter.capabilities.sets_expiry)
    assert not (adapter.capabilities.disables_keys)
    await adapter.close()


def test_workloads_get_the_url_that_the_spec_names() -> None:
    adapter = adapter_at("https://keys.example.com", "x", baseURL="https://api.example.com/v1")
    assert adapter.base_url == "https://api.example.com/v1"
    assert adapter_at("https://keys.example.com", "x").base_url == "https://keys.example.com"


@pytest.mark.parametrize(
    ("answer", "handle"),
    [({"id": "k1"}, "k1"), ({"id": "k1", "value": "a\nb\nc\nd\ne"}, "k1"), ({"id": "../k", "value": "sk-12345"}, None)],
)
async def test_a_created_key_that_cannot_be_read_keeps_its_handle_where_that_can(answer: Any, handle: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        await scripted(answer, lambda adapter: adapter.create(KEY), 201)
    assert caught.value.handle == handle


CAN = {"protocol": 1, "account": "a", "capabilities": {"new": {}}}
LISTED = {"id": "k1", "name": None, "active": True}


@pytest.mark.parametrize(
    "pages",
    [
        lambda request: {"keys": [], "next": "again"},
        lambda request: {"keys": [LISTED], "next": "n"} if "cursor" not in request.query else {"keys": [LISTED]},
        lambda request: {"keys": [LISTED | {"name": "kp.n", "active": "yes"}]},
        lambda request: {"keys": [LISTED | {"name": "kp.n", "id": "../k1"}]},
        lambda request: [],
    ],
    ids=["endless", "a key twice", "malformed", "an unsafe id", "no page"],
)
async def test_a_listing_that_is_not_certainly_whole_is_none(pages: Any) -> None:
    def answer(request: web.Request) -> Any:
        return CAN if request.path.endswith("capabilities") else pages(request)

    with pytest.raises(Ambiguous, match="list the keys"):
        await scripted(answer, lambda adapter: adapter.list_keys())


@pytest.mark.parametrize("answer", [{}, CAN | {"protocol": 2}, {"keys": []}, "x"])
async def test_a_server_of_another_protocol_is_not_used(answer: Any) -> None:
    with pytest.raises(Ambiguous, match="webhook protocol"):
        await scripted(answer, lambda adapter: adapter.list_keys())


@pytest.mark.parametrize("answer", [{}, {"accepted": "yes"}, {"accepted": None}])
async def test_a_probe_that_says_neither_yes_nor_no_says_nothing(answer: Any) -> None:
    with pytest.raises(Ambiguous):
        await scripted(answer, lambda adapter: adapter.probe(SecretStr("sk-example-1")))


async def test_a_key_that_did_not_become_what_was_asked_is_not_taken_as_done() -> None:
    with pytest.raises(Ambiguous, match="as it was to be"):
        await scripted({"id": "k1", "name": "n", "active": True}, lambda adapter: adapter.disable("k1"))


@pytest.mark.parametrize("handle", ["../k1", "..", "", "a/b", "k1?x", "k1\n"])
async def test_a_handle_that_no_server_gives_is_never_sent(webhook: WebhookProvider, handle: str) -> None:
    with pytest.raises(Rejected, match="handle"):
        await webhook.revoke(handle)


async def test_a_value_that_no_server_gives_is_never_sent(webhook: WebhookProvider) -> None:
    with pytest.raises(Rejected, match="the value is not one"):
        await webhook.probe(SecretStr("sk\r\nX-Header: 1"))
