"""LiteLLM's teams, by which the keys of a pool share a limit: one call makes a team, and no window of it is moved."""

import asyncio
import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import LiteLLM
from keypool.core.limits import Limits, SpendLimit
from keypool.providers.errors import Unavailable
from keypool.providers.litellm import LiteLLMProvider
from keypool.providers.protocol import NewKey
from keypool.providers.transport import Deadlines, Transport
from tests.contract.test_litellm_answers import DEADLINES, KEY, ROW, Script, adapter, saying
from tests.contract.test_transport import Serve, serve

__all__ = ["serve"]

SHARED = Limits(spend=SpendLimit(Decimal(5), "Daily", shared=True))
TEAM = "kp.a.b.c.d"


class Proxy:
    """Knows one team. As the real one does, it answers 500 to a second one that makes the team at the same time, and
    begins the team's window anew where it is sent a period."""

    def __init__(self, **team: object) -> None:
        self.team, self.making, self.asked = dict(team), 0, list[str]()
        self.updates: list[dict[str, object]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """One answer."""
        self.asked.append(request.path)
        body = await request.json() if request.method == "POST" else {}
        if request.path == "/team/new":
            return await self._make(body)
        if request.path == "/team/update":
            self.updates.append(body)
            self.team |= body
            return web.json_response({"data": self.team})
        if request.path == "/key/generate":
            token = hashlib.sha256(body["key"].encode()).hexdigest()
            return web.json_response({"token": token})
        wanted = request.query["key_hash"]
        row = {**ROW, "token": wanted, "key_alias": f"key {wanted[:8]}", "team_id": TEAM}
        return web.json_response({"keys": [row], "total_count": 1, "current_page": 1, "total_pages": 1})

    async def _make(self, body: dict[str, object]) -> web.Response:
        if self.team:
            return web.json_response({"error": {"message": "Team id already exists"}}, status=400)
        self.making += 1
        try:
            if self.making > 1:
                return web.json_response({"error": {"message": "unique constraint"}}, status=500)
            await asyncio.sleep(0.05)
            self.team = dict(body)
            return web.json_response({"team_id": TEAM})
        finally:
            self.making -= 1


def new_key(number: int) -> NewKey:
    """One of a pool whose keys share a limit."""
    value = SecretStr(f"sk-{number:032}")
    token = hashlib.sha256(value.get_secret_value().encode()).hexdigest()
    return replace(KEY, name=f"key {token[:8]}", value=value, limits=SHARED, owner=TEAM)


async def test_of_the_keys_of_a_new_pool_one_makes_the_team_and_the_others_wait_for_it(serve: Serve) -> None:
    proxy = Proxy()
    provider = LiteLLMProvider(LiteLLM(), Transport(await serve(proxy.answer), SecretStr("sk-admin"), Deadlines()))
    made = await asyncio.gather(*(provider.create(new_key(number)) for number in range(5)))
    assert {created.handle.partition(":")[2] for created in made} == {TEAM}
    assert proxy.asked.count("/team/new") == 1
    await provider.close()


async def test_no_key_was_asked_for_where_its_team_could_not_be_made(serve: Serve) -> None:
    script = Script({"/team/new": saying(500, {"error": {"message": "down"}})})
    async with adapter(serve, script, DEADLINES) as provider:
        with pytest.raises(Unavailable, match=r"make the pool's team.*no key was asked for"):
            await provider.create(new_key(1))
    assert "/key/generate" not in script.asked


@pytest.mark.parametrize(("has", "sends"), [("1d", [False]), ("7d", [False, True]), (None, [False, True])])
async def test_a_period_that_a_team_has_is_not_sent_again(serve: Serve, has: str | None, sends: list[bool]) -> None:
    """Each new key of the pool gives the team its limit again: that must neither extend its window nor lose one."""
    proxy = Proxy(team_id=TEAM, max_budget=3.0, budget_duration=has)
    provider = LiteLLMProvider(LiteLLM(), Transport(await serve(proxy.answer), SecretStr("sk-admin"), Deadlines()))
    await provider.create(new_key(1))
    assert ["budget_duration" in body for body in proxy.updates] == sends
    assert (proxy.team["max_budget"], proxy.team["budget_duration"]) == (5.0, "1d")
    await provider.close()


async def test_the_period_of_a_limit_that_has_none_any_more_is_taken_away(serve: Serve) -> None:
    proxy = Proxy(team_id=TEAM, max_budget=3.0, budget_duration="1d")
    provider = LiteLLMProvider(LiteLLM(), Transport(await serve(proxy.answer), SecretStr("sk-admin"), Deadlines()))
    await provider.create(replace(new_key(1), limits=Limits(spend=SpendLimit(Decimal(5), shared=True))))
    assert proxy.team["budget_duration"] is None
    await provider.close()
