"""LiteLLM's adapter, with answers that a real proxy gives too seldom for a test: a small server says them."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import LiteLLM
from keypool.core.limits import NO_LIMITS, Identity, Limits, SpendLimit, Usage
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.litellm import LiteLLMProvider
from keypool.providers.protocol import Found, NewKey, Probe
from keypool.providers.transport import Deadlines, Transport
from tests.contract.test_transport import Serve, serve

__all__ = ["serve"]

VALUE = SecretStr("sk-0123456789abcdef0123456789")
TOKEN = hashlib.sha256(VALUE.get_secret_value().encode()).hexdigest()
KEY = NewKey("kp.a.b.c.0", timedelta(days=1), value=VALUE)
Say = Callable[[], web.Response]


@dataclass
class Script:
    """What is answered, by path."""

    answers: dict[str, Say]
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, object]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """The answer."""
        self.asked.append(request.path)
        self.bodies += [await request.json()] if request.method == "POST" else []
        return self.answers[request.path]()


def saying(status: int, body: object, **headers: str) -> Say:
    """The same each time."""
    return lambda: web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def adapter(serve: Serve, script: Script, deadlines: Deadlines) -> AsyncIterator[LiteLLMProvider]:
    """The adapter before that script."""
    provider = LiteLLMProvider(LiteLLM(), Transport(await serve(script.answer), SecretStr("sk-admin"), deadlines))
    try:
        yield provider
    finally:
        await provider.close()


DEADLINES = Deadlines(create=2.0, other=2.0)


@pytest.mark.parametrize("status", [401, 403, 425, 429])
async def test_a_key_that_was_created_may_exist_although_it_cannot_be_looked_up(serve: Serve, status: int) -> None:
    made, away = saying(200, {"token": TOKEN}), saying(status, {"error": {"message": "not now"}})
    async with adapter(serve, Script({"/key/generate": made, "/key/list": away}), DEADLINES) as provider:
        with pytest.raises(Ambiguous):
            await provider.create(KEY)


@pytest.mark.parametrize(
    "message",
    [
        "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
        "Authentication Error - Expired Key. Key Expiry time 2026-11-25 00:17:36 and current time 2026-11-25 00:17:37",
        "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...6Z5w, Key Hash",
    ],
    ids=["blocked", "expired", "unknown"],
)
async def test_a_401_that_speaks_of_the_key_is_a_dead_key(serve: Serve, message: str) -> None:
    refused = saying(401, {"error": {"message": message, "type": "auth_error", "code": "401"}})
    async with adapter(serve, Script({"/v1/models": refused}), DEADLINES) as provider:
        assert await provider.probe(VALUE) is Probe.REJECTED


async def test_a_401_for_what_went_wrong_inside_the_proxy_is_no_dead_key(serve: Serve) -> None:
    """Whatever its authentication raises is answered so (litellm/proxy/auth/auth_exception_handler.py)."""
    inside = "Authentication Error, 'NoneType' object has no attribute 'get_data'"
    refused = saying(401, {"error": {"message": inside, "type": "auth_error", "code": "401"}})
    async with adapter(serve, Script({"/v1/models": refused}), DEADLINES) as provider:
        with pytest.raises(Ambiguous, match="check a key"):
            await provider.probe(VALUE)


@pytest.mark.parametrize("tenant", [True, False])
async def test_a_team_of_people_is_never_taken_for_one_of_keypools_which_go_with_their_last_key(
    serve: Serve, *, tenant: bool
) -> None:
    script = Script({})
    theirs = "kp.our-team"
    options = LiteLLM() if tenant else LiteLLM(team=theirs)
    provider = LiteLLMProvider(options, Transport(await serve(script.answer), SecretStr("sk-admin"), DEADLINES))
    with pytest.raises(Rejected, match=r"kp\.our-team: ids that begin with kp\. are keypool's own"):
        await provider.create(replace(KEY, identity=Identity(team=theirs if tenant else "")))
    assert not script.asked
    await provider.close()


NOTHING: dict[str, object] = {"rpm_limit": None, "models": [], "max_budget": None, "budget_duration": None}
ROW: dict[str, object] = {"token": TOKEN, "key_alias": KEY.name, **NOTHING}
LIMITED = Limits(60, SpendLimit(Decimal("0.1"), "Daily"), ("a", "b"))
AS_ASKED: dict[str, object] = {"rpm_limit": 60, "models": ["b", "a"], "max_budget": 0.1, "budget_duration": "1d"}


def listing(**row: object) -> Say:
    """Of that one key."""
    return saying(200, {"keys": [ROW | row], "total_count": 1, "current_page": 1, "total_pages": 1})


ACCOUNTED = replace(KEY, tags=("b", "a"), metadata={"keypool.dev/pool": "chat", "example.com/cost-centre": "4711"})


@pytest.mark.parametrize(
    ("own", "key", "sent"),
    [(None, KEY, None), (None, ACCOUNTED, ["b", "a"]), (("a", "c"), ACCOUNTED, ["a", "c", "b"]), (("a",), KEY, ["a"])],
    ids=["none", "the-pool's", "both", "the-provider's"],
)
async def test_a_key_gets_the_tags_of_its_provider_and_pool_and_says_whose_it_is(
    serve: Serve, own: tuple[str, ...] | None, key: NewKey, sent: list[str] | None
) -> None:
    """Without tags in a spec none is sent: they may steer what the proxy does."""
    script = Script({"/key/generate": saying(200, {"token": TOKEN}), "/key/list": listing()})
    transport = Transport(await serve(script.answer), SecretStr("sk-admin"), DEADLINES)
    provider = LiteLLMProvider(LiteLLM(tags=own), transport)
    await provider.create(key)
    assert script.bodies[0].get("tags") == sent
    assert script.bodies[0]["metadata"] == key.metadata
    await provider.close()


async def test_a_proxy_that_demands_tags_says_where_they_are_given(serve: Serve) -> None:
    refused = saying(400, {"error": {"message": "Required param tags not in data", "code": "400"}})
    nothing = saying(200, {"keys": [], "total_count": 0})
    async with adapter(serve, Script({"/key/generate": refused, "/key/list": nothing}), DEADLINES) as provider:
        with pytest.raises(Rejected, match=r"Required param tags.*: give some in key\.tags"):
            await provider.create(KEY)


async def test_the_team_of_a_pool_says_whose_it_is_too(serve: Serve) -> None:
    shared = replace(ACCOUNTED, owner="kp.a.chat.c", limits=Limits(spend=SpendLimit(Decimal(5), "Daily", shared=True)))
    made = {"/team/new": saying(200, {}), "/key/generate": saying(200, {"token": TOKEN}), "/key/list": listing()}
    script = Script(made)
    async with adapter(serve, script, DEADLINES) as provider:
        await provider.create(shared)
    assert script.bodies[0]["metadata"] == shared.metadata


@pytest.mark.parametrize("days", [1, 30])
async def test_a_key_is_asked_for_exactly_the_lifetime(serve: Serve, days: int) -> None:
    """A proxy with an upper bound refuses a second more."""
    script = Script({"/key/generate": saying(200, {"token": TOKEN}), "/key/list": listing()})
    async with adapter(serve, script, DEADLINES) as provider:
        await provider.create(replace(KEY, lifetime=timedelta(days=days)))
    assert script.bodies[0]["duration"] == f"{days * 86_400}s"


@pytest.mark.parametrize(
    ("limits", "kept", "told"),
    [
        (NO_LIMITS, {"max_budget": 5}, "max_budget is 5 instead of None"),
        (NO_LIMITS, {"budget_duration": "1d"}, "budget_duration is 1d instead of None"),
        (NO_LIMITS, {"rpm_limit": 7}, "rpm_limit is 7 instead of None"),
        (NO_LIMITS, {"models": ["a"]}, r"models is \['a'\] instead of \[\]"),
        (LIMITED, AS_ASKED | {"max_budget": 5}, r"max_budget is 5 instead of 0\.1"),
        (LIMITED, AS_ASKED | {"budget_duration": None}, "budget_duration is None instead of 1d"),
        (LIMITED, AS_ASKED | {"models": ["a"]}, "models is"),
    ],
)
@pytest.mark.parametrize("where", ["answer", "listing"])
async def test_a_limit_that_is_kept_although_the_change_was_accepted_is_told(
    serve: Serve, limits: Limits, kept: dict[str, object], told: str, where: str
) -> None:
    answer = saying(200, ROW | kept if where == "answer" else {"key": TOKEN})
    async with adapter(serve, Script({"/key/update": answer, "/key/list": listing(**kept)}), DEADLINES) as provider:
        with pytest.raises(Rejected, match=f"answered that it is done, and {told}"):
            await provider.update(TOKEN, limits)


@pytest.mark.parametrize(("limits", "kept"), [(NO_LIMITS, {}), (LIMITED, AS_ASKED)])
@pytest.mark.parametrize("where", ["answer", "listing"])
async def test_a_change_that_was_made_is_done(
    serve: Serve, limits: Limits, kept: dict[str, object], where: str
) -> None:
    answer = saying(200, ROW | kept if where == "answer" else {"key": TOKEN})
    async with adapter(serve, Script({"/key/update": answer, "/key/list": listing(**kept)}), DEADLINES) as provider:
        assert await provider.update(TOKEN, limits) is Found.DONE


async def test_a_change_that_nothing_shows_may_not_have_been_made(serve: Serve) -> None:
    nothing = saying(200, {"keys": [], "total_count": 0, "current_page": 1, "total_pages": 1})
    script = Script({"/key/update": saying(200, {"key": TOKEN}), "/key/list": nothing})
    async with adapter(serve, script, DEADLINES) as provider:
        with pytest.raises(Ambiguous, match="neither the answer nor the listing shows them"):
            await provider.update(TOKEN, NO_LIMITS)


@pytest.mark.parametrize("shown", [{"data": {"max_budget": 9, "budget_duration": "1d"}}, {"data": {}}, {}])
async def test_a_limit_of_a_team_that_was_not_changed_is_told(serve: Serve, shown: dict[str, object]) -> None:
    shared = Limits(spend=SpendLimit(Decimal(5), "Daily", shared=True))
    script = Script({"/team/update": saying(200, shown), "/key/update": saying(200, ROW)})
    async with adapter(serve, script, DEADLINES) as provider:
        with pytest.raises((Rejected, Ambiguous), match="change the pool's team"):
            await provider.update(f"{TOKEN}:kp.a.b.c.d", shared)


async def test_what_a_key_spent_is_told_with_the_end_of_its_window(serve: Serve) -> None:
    row = listing(spend=4.9, budget_reset_at="2026-11-25T00:00:00Z")
    async with adapter(serve, Script({"/key/list": row}), DEADLINES) as provider:
        told = Usage(Decimal("4.9"), window_ends=datetime(2026, 11, 25, tzinfo=UTC))
        assert await provider.usage(TOKEN) == told


@pytest.mark.parametrize(("has", "sends"), [("1d", False), ("7d", True), (None, True)])
async def test_a_period_that_a_key_has_is_not_sent_again(serve: Serve, has: str | None, *, sends: bool) -> None:
    """LiteLLM would begin the window anew, and yesterday's spending would count today where its reset is late."""
    script = Script({"/key/update": saying(200, ROW | AS_ASKED), "/key/list": listing(budget_duration=has)})
    async with adapter(serve, script, DEADLINES) as provider:
        assert await provider.update(TOKEN, LIMITED) is Found.DONE
    assert ("budget_duration" in script.bodies[0]) is sends
    assert script.bodies[0]["max_budget"] == 0.1
