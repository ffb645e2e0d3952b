"""LiteLLM proxy: keys over its `/key` API, measured with litellm 1.106.2 on PostgreSQL.

keypool chooses a key's value, and its SHA-256 names the key: repeating a create is harmless. What is not what it seems:
a repeated create is refused for its alias, or answered with the new request's limits while the old ones stay, so the
row is read; 422 is a key over its budget, not a dead one; an unknown team is accepted; another instance on the same
database goes on accepting a deleted or blocked key for a minute. A handle is the hash, and after a colon the pool's own
team.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import SecretStr

from keypool.api.provider_options import LiteLLM
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Limits, Usage
from keypool.providers.adapter import VALUE, Adapter, read
from keypool.providers.calls import check_kept, models_verdict
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Unavailable
from keypool.providers.litellm_teams import Teams
from keypool.providers.litellm_wire import (
    DEMANDS_TAGS,
    GIVE_TAGS,
    KEYS,
    LIMITS,
    PAGE,
    ROWS,
    Deleted,
    Limited,
    Made,
    Row,
    Total,
    accounting_body,
    limits_body,
    parts_of,
)
from keypool.providers.outcomes import refusal
from keypool.providers.pages import Entries, Page
from keypool.providers.paging import LISTING_SECONDS, Tally, around, page_of
from keypool.providers.protocol import CreatedKey, Found, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.transport import Answer, Call, Transport

T = TypeVar("T")

LAG = timedelta(seconds=5)
CACHED = timedelta(seconds=60)
"""For which another instance accepts what is deleted: its cache of keys."""
_DEAD = re.compile(r"key is blocked|expired key|invalid proxy server token|virtual key expected", re.IGNORECASE)


class LiteLLMProvider(Adapter):
    """One proxy with its database. The endpoint is its root; workloads get it with /v1."""

    capabilities = Capabilities(
        lists_names=True,
        chooses_value=True,
        sets_expiry=True,
        changes_limits=True,
        disables_keys=True,
        sets_spend_limit=True,
        limits_group_spend=True,
        sets_rate_limit=True,
        sets_models=True,
        sets_tags=True,
        sets_metadata=True,
        tells_last_use=True,
        tells_usage=True,
        activation_lag=LAG,
        listing_lag=LAG,
        revocation_lag=CACHED,
    )

    def __init__(self, options: LiteLLM, transport: Transport, page: int = PAGE) -> None:
        super().__init__(transport)
        self._size, self._tags = page, options.tags or ()
        self.teams = Teams(transport, options.team, LAG.total_seconds(), self._count)

    @property
    def base_url(self) -> str:
        """The endpoint that workloads use."""
        return f"{self._transport.base_url}/v1"

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key of the given value, or finds that it was created already."""
        if key.value is None or not re.fullmatch(VALUE, key.value.get_secret_value()):
            raise Rejected("create a key: LiteLLM's keys are given their value")
        until = self._within(self._transport.deadlines.create)
        try:
            team = await self.teams.prepare(key, until)
        except Ambiguous as error:
            said = str(error)
            raise Unavailable(f"{said}; no key was asked for") from None
        body = {
            "key": key.value.get_secret_value(),
            "key_alias": key.name,
            "duration": f"{int(key.lifetime.total_seconds())}s",
            **accounting_body(key, self._tags),
            **limits_body(key.limits),
            **({"team_id": team} if team else {}),
        }
        call = Call("create a key", "POST", "/key/generate", body=body, secrets=(key.value,), until=until)
        try:
            return await self._made(key, await self._post(call, {200, 400}), until)
        finally:
            if team:
                self.teams.joined(team)

    async def _made(self, key: NewKey, answer: Answer, until: float) -> CreatedKey:
        """The key as it is listed, for the answer tells what was asked for."""
        assert key.value is not None  # noqa: S101
        if answer.status == 200 and read(Made, answer) is None:
            raise Ambiguous("create a key: the answer does not describe a key")
        token = hashlib.sha256(key.value.get_secret_value().encode()).hexdigest()
        try:
            row = await self._row("create a key", token, until)
            if row is not None and row.key_alias == key.name:
                return CreatedKey(row.handle, key.value, row.expires)
            refused = await self._refused(key, answer, until)
        except ProviderError as error:  # whatever the reason: the key may be there by now
            raise Ambiguous(f"{error}; it may have been created") from None
        raise refused

    async def _refused(self, key: NewKey, answer: Answer, until: float) -> ProviderError:
        """A name that is taken may be that of this very key, not listed yet: then an earlier call made it."""
        if answer.status != 400:
            return Ambiguous("create a key: it is not listed after it was created")
        refused = refusal("create a key", 400, answer.said)
        if DEMANDS_TAGS in answer.said:
            return Rejected(f"{refused}: {GIVE_TAGS}")
        if "already exists" not in answer.said or (await self._page(1, until, key_alias=key.name))[0].count:
            return refused
        return Ambiguous(f"{refused}, and no key of that name is listed")

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key by its hash, and the pool's own team with its last key. An answer for several keys would echo
        unknown ones as deleted: one at a time."""
        (token, team), until = parts_of("delete a key", handle), self._soon()
        call = Call("delete a key", "POST", "/key/delete", body={"keys": [token]}, until=until)
        answer = await self._post(call, {200, 404})
        if answer.status == 200 and ((said := read(Deleted, answer)) is None or token not in said.deleted_keys):
            raise Ambiguous("delete a key: the answer does not say that it is deleted")
        if team:
            await self.teams.forget(team, until)
        return Revocation.NOT_FOUND if answer.status == 404 else Revocation.DELETED

    async def forget(self, handle: str, /) -> None:
        """Deletes the pool's own team, where the key that somebody else deleted was the last one in it."""
        if team := parts_of("delete a team", handle)[1]:
            await self.teams.forget(team, self._soon())

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives a key these limits; a limit that the pool shares is its team's."""
        (token, team), until = parts_of("change a key's limits", handle), self._soon()
        if team and limits.spend is not None and limits.spend.shared:
            await self.teams.limit(team, limits.spend, until)
        what, body = "change a key's limits", limits_body(limits)
        sent = {"key": token, **await self._in_its_window(what, token, body, until)}
        answer = await self._post(Call(what, "POST", "/key/update", body=sent, until=until), {200, 404})
        if answer.status == 404:
            return Found.NOT_FOUND
        kept = read(Limited, answer)
        if kept is None and (kept := await self._listed(LIMITS, what, token, until)) is None:
            raise Ambiguous(f"{what}: neither the answer nor the listing shows them")
        check_kept(what, body, kept.model_dump())
        return Found.DONE

    async def _in_its_window(
        self, what: str, token: str, body: Mapping[str, object], until: float
    ) -> Mapping[str, object]:
        """Without a period that the key has: LiteLLM begins its window anew where it is repeated. Where the reset is
        late, what was spent before would count for a whole window more; and limits are raised again just then."""
        if body["budget_duration"] is None:
            return body
        row = await self._row(what, token, until)
        if row is None or row.budget_duration != body["budget_duration"]:
            return body
        return {name: limit for name, limit in body.items() if name != "budget_duration"}

    async def disable(self, handle: str, /) -> Found:
        """Blocks a key."""
        what = "disable a key"
        return await self._switch(what, "/key/block", {"key": parts_of(what, handle)[0]})

    async def enable(self, handle: str, /) -> Found:
        """Unblocks a key."""
        what = "enable a key"
        return await self._switch(what, "/key/unblock", {"key": parts_of(what, handle)[0]})

    async def usage(self, handle: str, /) -> Usage | None:
        """US dollars by LiteLLM's prices, some seconds late, and when the key was last charged."""
        what = "read a key's usage"
        row = await self._row(what, parts_of(what, handle)[0], self._soon())
        return Usage(row.spend, None, row.last_active, row.budget_reset_at) if row else None

    async def probe(self, value: SecretStr) -> Probe:
        """422 is a key over its budget, 403 one that may use nothing: neither is dead. 401 is also what goes wrong."""
        return await models_verdict(self._transport, "/v1/models", value, {403, 422}, _DEAD)

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """All keys, oldest first, so that keys made meanwhile shift no page; complete when they are the total, and that
        did not fall: behind a key that is deleted meanwhile, the first one of the next page is skipped."""
        until, rows, number, others, most = self._within(LISTING_SECONDS), dict[str, ListedKey](), 1, 0, 0
        tally = Tally("list the keys")
        while True:
            page, total = await self._read(KEYS, number, until)
            most = max(most, total)
            tally.add(page)
            rows |= page.kept
            others += page.nameless
            if page.count < self._size:
                break
            number += 1
        if len(rows) + others != total or total < most:
            raise Ambiguous("list the keys: the listing changed while its pages were read, so it may lack some")
        return tuple(rows.values())

    async def _row(self, what: str, token: str, until: float) -> Row | None:
        """A deleted key is not listed, while /key/info still answers 200 for it."""
        return await self._listed(ROWS, what, token, until)

    async def _listed(self, entries: Entries[Any, T], what: str, token: str, until: float) -> T | None:
        return (await self._read(entries, 1, until, what, key_hash=token))[0].kept.get(token)

    async def _count(self, team: str, until: float) -> int:
        return (await self._page(1, until, team_id=team))[1]

    async def _page(self, page: int, until: float, what: str = "list the keys", **query: str) -> tuple[Page[Row], int]:
        return await self._read(ROWS, page, until, what, **query)

    async def _read(
        self, entries: Entries[Any, T], page: int, until: float, what: str = "list the keys", **query: str
    ) -> tuple[Page[T], int]:
        """A page, and how many keys there are."""
        query |= {"return_full_object": "true", "sort_by": "created_at", "sort_order": "asc"}
        query |= {"page": str(page), "size": str(self._size)}
        found = await page_of(self._transport, Call(what, "GET", "/key/list", query=query, until=until), entries)
        return found, around(what, found, Total).total_count

    async def _switch(self, what: str, path: str, body: Mapping[str, object], until: float | None = None) -> Found:
        answer = await self._post(Call(what, "POST", path, body=body, until=until or self._soon()), {200, 404})
        return Found.NOT_FOUND if answer.status == 404 else Found.DONE

    async def _post(self, call: Call, expect: set[int]) -> Answer:
        return await self._transport.call(replace(call, expect=frozenset(expect)))


def build(options: LiteLLM, transport: Transport) -> Provider:
    """The adapter."""
    return LiteLLMProvider(options, transport)
