"""OpenRouter: keys over its key management API, read in November 2026.

https://openrouter.ai/docs/api/api-reference/api-keys/ (create-keys, list, get-key, update-keys, delete-keys,
get-current-key), …/workspaces/list-workspaces, …/guardrails/bulk-assign-keys-to-a-guardrail, and
https://openrouter.ai/docs/guides/overview/auth/management-api-keys. Not documented, but met by others: a daily cap on
changes of keys (429 `keys-modify-api-rpd-v2`), which only midnight UTC lifts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr

from keypool.api.provider_options import OpenRouter
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Limits, Usage
from keypool.providers.adapter import Adapter, Handle, Maybe, Value, WireModel, read
from keypool.providers.calls import as_key, check_kept, delete, segment
from keypool.providers.errors import Ambiguous, ProviderError, Unreadable
from keypool.providers.numbers import Count, Moment, Money
from keypool.providers.pages import Entries
from keypool.providers.paging import LISTING_SECONDS, Data, Entry, Tally, by_offset, ids
from keypool.providers.protocol import CreatedKey, Found, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.strangers import named_otherwise
from keypool.providers.transport import Call, Transport

LAG = timedelta(seconds=5)
"""For which a new key may be rejected, or missing from the listing, without being given up. Our assumption."""
DAILY_CAP = "keys-modify-api-rpd"


class _Hash(Entry):
    id: Handle = Field(alias="hash")


class _Key(_Hash):
    name: str = Field(max_length=1024)
    disabled: bool
    expires_at: Annotated[Moment | None, Maybe] = None
    limit: Annotated[Money | None, Maybe] = None
    limit_reset: Annotated[str | None, Maybe] = None
    usage: Annotated[Money | None, Maybe] = None
    last_used_at: Annotated[Moment | None, Maybe] = None


def _listed(key: _Key) -> tuple[str, ListedKey]:
    return key.id, ListedKey(key.id, key.name, None, not key.disabled, key.expires_at)


_KEYS = Entries("data", _Key, _listed, named_otherwise("hash", "name"))


class _Created(Data[_Key]):
    key: Value = Field(repr=False)


class _Label(WireModel):
    label: str


class _Assigned(WireModel):
    assigned_count: Annotated[Count, Field(ge=1)]


class OpenRouterProvider(Adapter):
    """One account at OpenRouter. The base URL includes the version, as in https://openrouter.ai/api/v1.

    Keys are in the workspace of the options, or the default one. Where there are tenants, `Identity.workspace` wins,
    and the listing is that of all workspaces: nothing has to be remembered for it to be complete.
    """

    capabilities = Capabilities(
        lists_names=True,
        sets_expiry=True,
        changes_limits=True,
        disables_keys=True,
        sets_spend_limit=True,
        tells_last_use=True,
        tells_usage=True,
        activation_lag=LAG,
        listing_lag=LAG,
    )

    def __init__(self, options: OpenRouter, transport: Transport) -> None:
        super().__init__(transport)
        self._workspace, self._guardrail = options.workspace, options.guardrail

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key with its guardrail, if any: one that did not get it is `Unreadable`, for revoking."""
        until = self._within(self._transport.deadlines.create)
        workspace = self._place("workspace", self._workspace, key.identity.workspace)
        expires = datetime.now(UTC) + key.lifetime
        body = {"name": key.name, "expires_at": f"{expires:%Y-%m-%dT%H:%M:%SZ}", **_spending(key.limits)}
        body |= {"workspace_id": workspace} if workspace else {}
        answer = await self._transport.call(
            Call("create a key", "POST", "/keys", body=body, expect=frozenset({200, 201}), until=until, daily=DAILY_CAP)
        )
        created = read(_Created, answer)
        if created is None:
            named = read(Data[_Hash], answer)
            raise Unreadable("create a key: the answer holds no readable key", named.data.id if named else None)
        if guardrail := key.identity.guardrail or self._guardrail:
            await self._guard(created.data.id, guardrail, until)
        return CreatedKey(created.data.id, SecretStr(created.key), created.data.expires_at)

    async def _guard(self, handle: str, guardrail: str, until: float) -> None:
        what, path = "attach the guardrail to a new key", f"/guardrails/{quote(guardrail, safe='')}/assignments/keys"
        try:
            answer = await self._transport.call(Call(what, "POST", path, body={"key_hashes": [handle]}, until=until))
            said = "" if read(_Assigned, answer) else f"{what}: the answer does not say that it was"
        except ProviderError as error:
            said = str(error)
        if said:
            raise Unreadable(f"{said}; a key without its guardrail is revoked, never used", handle)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key. Only an answer that says so counts as done."""
        return await delete(self._transport, _about("delete a key", "DELETE", handle))

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives a key this spending limit, or none, and sees that it has it."""
        what, body = "change a key's limit", _spending(limits)
        key = await self._key(what, "PATCH", handle, body)
        if key is not None:
            check_kept(what, body, {name: getattr(key, name) for name in body if name in key.model_fields_set})
        return Found.DONE if key else Found.NOT_FOUND

    async def disable(self, handle: str, /) -> Found:
        """Makes a key unusable until `enable`."""
        return await self._change("disable a key", handle, {"disabled": True})

    async def enable(self, handle: str, /) -> Found:
        """Undoes `disable`."""
        return await self._change("enable a key", handle, {"disabled": False})

    async def _change(self, what: str, handle: str, body: Mapping[str, object]) -> Found:
        return Found.DONE if await self._key(what, "PATCH", handle, body) else Found.NOT_FOUND

    async def usage(self, handle: str, /) -> Usage | None:
        """US dollars of OpenRouter's credits (not what keys of your own cost at other providers), and the last use."""
        key = await self._key("read a key's usage", "GET", handle)
        return Usage(spend=key.usage, last_used_at=key.last_used_at) if key else None

    async def _key(self, what: str, method: str, handle: str, body: Mapping[str, object] | None = None) -> _Key | None:
        answer = await self._transport.call(_about(what, method, handle, body))
        found = read(Data[_Key], answer)
        if answer.status == 200 and (found is None or found.data.id != handle):
            raise Ambiguous(f"{what}: the answer does not show the key")
        return found.data if found else None

    async def probe(self, value: SecretStr) -> Probe:
        """Asks what the key is: `GET /models` answers without any key, so it would prove nothing."""
        answer = await self._transport.call(as_key("check a key", "/key", value, (200, 401)))
        if answer.status == 200 and read(Data[_Label], answer) is None:
            raise Ambiguous("check a key: the answer does not describe a key")
        return Probe.ACCEPTED if answer.status == 200 else Probe.REJECTED

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """All keys, disabled ones too, of the workspace; where there are tenants, of all workspaces."""
        until, places = self._within(LISTING_SECONDS), [self._workspace]
        if self.tenanted:
            call = Call("list the workspaces", "GET", "/workspaces", query={"limit": "100"}, until=until)
            places = list(await by_offset(self._transport, call, Entries("data", Entry, ids)))
        listed: list[ListedKey] = []
        tally = Tally("list the keys")
        for place in places:
            query = {"include_disabled": "true"} | ({"workspace_id": place} if place else {})
            call = Call("list the keys", "GET", "/keys", query=query, until=until)
            listed += (await by_offset(self._transport, call, _KEYS, tally)).values()
        return tuple(listed)


def _about(what: str, method: str, handle: str, body: Mapping[str, object] | None = None) -> Call:
    expect = frozenset({200, 404})
    return Call(what, method, f"/keys/{segment(what, handle)}", body=body, expect=expect, daily=DAILY_CAP)


def _spending(limits: Limits) -> dict[str, object]:
    if limits.spend is None:
        return {"limit": None, "limit_reset": None}
    period = limits.spend.period
    return {"limit": float(limits.spend.amount), "limit_reset": period.lower() if period else None}


def build(options: OpenRouter, transport: Transport) -> Provider:
    """The adapter."""
    return OpenRouterProvider(options, transport)
