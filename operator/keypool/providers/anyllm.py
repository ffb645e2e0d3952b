"""any-llm-gateway: keys over its `/v1/keys` API, measured with any-llm-sdk 1.14.0 on PostgreSQL.

Names are no identities there: two keys may have the same one. Each key belongs to a user of its own that the gateway
makes and leaves behind when the key is deleted, so the adapter deletes it too; that user tells what the key spent.
Spending limits are not offered: the gateway's budgets hang on users, and their periods follow no calendar.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field, SecretStr

from keypool.api.provider_options import AnyLLM
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Usage
from keypool.providers.adapter import Adapter, Maybe, Value, WireModel, read
from keypool.providers.calls import models_verdict, segment
from keypool.providers.errors import Ambiguous, ProviderError, Unreadable
from keypool.providers.numbers import Moment, Money
from keypool.providers.pages import Entries
from keypool.providers.paging import LISTING_SECONDS, Entry, Tally, ids, page_of
from keypool.providers.protocol import CreatedKey, Found, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.strangers import named_otherwise
from keypool.providers.transport import Answer, Call, Transport

T = TypeVar("T")

PAGE = 1000
"""The most that the gateway lists at once."""
OWN_USER = "apikey-"
"""Begins the id of the user that the gateway makes for a key; the key's id follows."""


class _Key(Entry):
    key_name: str | None = Field(default=None, max_length=1024)
    expires_at: Annotated[Moment | None, Maybe] = None
    is_active: bool
    last_used_at: Annotated[Moment | None, Maybe] = None


class _Created(_Key):
    key: Value = Field(repr=False)


class _User(WireModel):
    spend: Annotated[Money | None, Maybe] = None


def _listed(key: _Key) -> tuple[str, ListedKey]:
    return key.id, ListedKey(key.id, key.key_name or "", None, key.is_active, key.expires_at)


def _passed(entry: dict[str, Any]) -> tuple[str, None] | None:
    found = _OTHERS(entry)
    return (found[0], None) if found is not None else None


_OTHERS = named_otherwise("id", "key_name")
_IDS = Entries("", _Key, ids, _passed)
_KEYS = Entries("", _Key, _listed, _OTHERS)  # the answer is a bare array


class AnyLLMProvider(Adapter):
    """One gateway. The endpoint is its root; workloads get it with /v1."""

    capabilities = Capabilities(
        lists_names=True,
        sets_expiry=True,
        disables_keys=True,
        sets_metadata=True,
        tells_last_use=True,
        tells_usage=True,
    )

    def __init__(self, _options: AnyLLM, transport: Transport, page: int = PAGE) -> None:
        super().__init__(transport)
        self._page = page

    @property
    def base_url(self) -> str:
        """The endpoint that workloads use."""
        return f"{self._transport.base_url}/v1"

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key with a user of its own."""
        expires = datetime.now(UTC) + key.lifetime
        body = {
            "key_name": key.name,
            "expires_at": expires.isoformat(),
            "metadata": {"owner": key.owner, **key.metadata},
        }
        answer = await self._transport.call(
            Call("create a key", "POST", "/v1/keys", body=body, expect=frozenset({200, 201}))
        )
        created = read(_Created, answer)
        if created is None:
            named = read(Entry, answer)
            raise Unreadable("create a key: the answer holds no readable key", named.id if named else None)
        return CreatedKey(created.id, SecretStr(created.key), created.expires_at)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key, and the user that was made for it. Only 204 counts as done."""
        path, until = f"/v1/keys/{segment('delete a key', handle)}", self._soon()
        answer = await self._transport.call(
            Call("delete a key", "DELETE", path, expect=frozenset({204, 404}), limit=0, until=until)
        )
        with suppress(ProviderError):  # one without keys can do nothing: untidy, and no reason to keep a key
            await self._forget_user(handle, until)
        return Revocation.NOT_FOUND if answer.status == 404 else Revocation.DELETED

    async def forget(self, handle: str, /) -> None:
        """Deletes the user that was made for a key which somebody else deleted."""
        await self._forget_user(handle, self._soon())

    async def _forget_user(self, handle: str, until: float) -> None:
        """Its id has the key's in it, which is never used again: no other user is meant."""
        path = f"/v1/users/{OWN_USER}{segment('delete a user', handle)}"
        await self._transport.call(
            Call("delete a user", "DELETE", path, expect=frozenset({204, 404}), limit=0, until=until)
        )

    async def disable(self, handle: str, /) -> Found:
        """Makes a key inactive."""
        return await self._switch("disable a key", handle, active=False)

    async def enable(self, handle: str, /) -> Found:
        """Makes a key active again."""
        return await self._switch("enable a key", handle, active=True)

    async def _switch(self, what: str, handle: str, *, active: bool) -> Found:
        key = _found(what, handle, await self._about(what, "PATCH", handle, self._soon(), {"is_active": active}))
        if key is not None and key.is_active is not active:
            raise Ambiguous(f"{what}: the answer does not say that it was done")
        return Found.DONE if key is not None else Found.NOT_FOUND

    async def usage(self, handle: str, /) -> Usage | None:
        """US dollars by the gateway's own prices, as its user spent them, and when the key was used last."""
        what, until = "read a key's usage", self._soon()
        key = _found(what, handle, await self._about(what, "GET", handle, until))
        if key is None:
            return None
        path = f"/v1/users/{OWN_USER}{segment(what, handle)}"
        call = Call(what, "GET", path, expect=frozenset({200, 404}), until=until)
        user = read(_User, await self._transport.call(call))
        return Usage(spend=user.spend if user else None, last_used_at=key.last_used_at)

    async def _about(
        self, what: str, method: str, handle: str, until: float, body: Mapping[str, object] | None = None
    ) -> Answer:
        path = f"/v1/keys/{segment(what, handle)}"
        return await self._transport.call(
            Call(what, method, path, body=body, expect=frozenset({200, 404}), until=until)
        )

    async def probe(self, value: SecretStr) -> Probe:
        """A key over its user's budget, or of a blocked user, is answered 403 and is not dead."""
        return await models_verdict(self._transport, "/v1/models", value, {403})

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """All keys of the gateway. Its pages are in no order, so one may repeat what another has, and lack what none
        has: more than one page counts only when two listings agree."""
        until = self._within(LISTING_SECONDS)
        first, pages = await self._pages(until, _KEYS)
        if pages > 1 and (await self._pages(until, _IDS))[0].keys() != first.keys():
            raise Ambiguous("list the keys: two listings differ, so one of them may lack some")
        return tuple(first.values())

    async def _pages(self, until: float, entries: Entries[_Key, T]) -> tuple[dict[str, T], int]:
        what, found, pages = "list the keys", dict[str, T](), 0
        tally = Tally(what)
        while True:
            query = {"skip": str(pages * self._page), "limit": str(self._page)}
            page = await page_of(self._transport, Call(what, "GET", "/v1/keys", query=query, until=until), entries)
            tally.add(page)
            found |= page.kept
            pages += 1
            if page.count < self._page:
                return found, pages


def _found(what: str, handle: str, answer: Answer) -> _Key | None:
    """None for 404."""
    key = read(_Key, answer)
    if answer.status == 200 and (key is None or key.id != handle):
        raise Ambiguous(f"{what}: the answer does not show the key")
    return key


def build(options: AnyLLM, transport: Transport) -> Provider:
    """The adapter."""
    return AnyLLMProvider(options, transport)
