"""LiteLLM's teams: those of people that keys are made in, and keypool's own, one for each pool whose keys share a
limit."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from keypool.core.limits import SpendLimit
from keypool.providers.adapter import read
from keypool.providers.calls import check_kept
from keypool.providers.errors import Ambiguous, ProviderError, Rejected
from keypool.providers.litellm_wire import Budget, Changed, budget_body, theirs
from keypool.providers.protocol import NewKey
from keypool.providers.together import Together
from keypool.providers.transport import Answer, Call, Transport


class Teams:
    """`default`: the provider's. `count` tells how many keys of a team are listed, by a moment on the loop's clock."""

    def __init__(
        self, transport: Transport, default: str | None, lag: float, count: Callable[[str, float], Awaitable[int]]
    ) -> None:
        """`lag`: seconds after which a new key is certainly listed."""
        self._transport, self._default, self._count = transport, default, count
        self.lag = lag
        self._known: set[str] = set()
        self._joined: dict[str, float] = {}
        self._making: Together[None] = Together()
        self._born = time.monotonic()

    async def prepare(self, key: NewKey, until: float) -> str | None:
        """The tenant's or the provider's; or one of the pool's own, where its keys share a limit."""
        team = theirs(key.identity.team or self._default)
        if key.limits.spend is None or not key.limits.spend.shared:
            if team and team not in self._known:
                call = Call("look up the team", "GET", "/team/info", query={"team_id": team}, until=until)
                await self._transport.call(call)
                self._known.add(team)
            return team
        if team:
            raise Rejected(f"create a key: keys of team {team} cannot share a limit of their own; use scope: Key")
        self.joined(key.owner)
        what, limit = "make the pool's team", key.limits.spend
        await self._making.do(what, key.owner, limit, until, partial(self._make, what, key, limit, until))
        return key.owner

    async def _make(self, what: str, key: NewKey, limit: SpendLimit, until: float) -> None:
        """Two calls at once would be answered 500."""
        whose = {"team_id": key.owner, "team_alias": key.owner, "metadata": dict(key.metadata)}
        body = {**whose, **budget_body(limit)}
        made = await self._post(what, "/team/new", body, until, 400)
        if made.status == 400:  # it is there already
            await self.limit(key.owner, limit, until)

    async def limit(self, team: str, limit: SpendLimit, until: float) -> None:
        """Gives a pool's own team this limit. A period that the team has is not sent: LiteLLM would begin its window
        anew, with what was spent before where its reset is late."""
        what, body = "change the pool's team", budget_body(limit)
        kept = await self._changed(what, team, {"max_budget": body["max_budget"]}, until)
        if kept.budget_duration != body["budget_duration"]:
            kept = await self._changed(what, team, body, until)
        check_kept(what, body, kept.model_dump())

    async def _changed(self, what: str, team: str, body: dict[str, object], until: float) -> Budget:
        kept = read(Changed, await self._post(what, "/team/update", {"team_id": team, **body}, until))
        if kept is None:
            raise Ambiguous(f"{what}: the answer does not show its limit")
        return kept.data

    def joined(self, team: str) -> None:
        """A key of the team was made just now, may have been, or is about to be."""
        self._joined[team] = time.monotonic()

    async def forget(self, team: str, until: float) -> None:
        """Deletes a pool's own team when no key of it is left: LiteLLM deletes its keys too, also those that are too
        new to be listed, be it that an earlier leader made them. A team that stays is untidy, not a reason to keep a
        key."""
        now = time.monotonic()
        if now < self._joined.get(team, self._born) + self.lag:
            return
        with suppress(ProviderError):
            if not await self._count(team, until):
                await self._post("delete a team", "/team/delete", {"team_ids": [team]}, until, 404)
                self._joined.pop(team, None)

    async def _post(self, what: str, path: str, body: dict[str, object], until: float, *also: int) -> Answer:
        call = Call(what, "POST", path, body=body, until=until)
        return await self._transport.call(replace(call, expect=frozenset({200, *also})))
