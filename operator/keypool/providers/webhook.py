"""Any server that speaks keypool's own protocol, docs/providers/webhook.openapi.yaml, which is the source of all facts.

What the spec says that the server can do is checked when the credential is proven: a server that can do less is
refused, because limits that nobody enforces would go unnoticed.
"""

import asyncio
import re

from pydantic import SecretStr

from keypool.api.provider_options import Webhook
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Limits, Usage
from keypool.providers.adapter import Adapter, read
from keypool.providers.errors import Ambiguous, Rejected, TooLarge, Unreadable
from keypool.providers.paging import Tally, around, page_of
from keypool.providers.protocol import CreatedKey, Found, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.transport import Call, Transport
from keypool.providers.webhook_wire import (
    ID,
    KEYS,
    VALUE,
    Abilities,
    Created,
    Listed,
    Named,
    Next,
    Probed,
    Told,
    limits_of,
    terms_of,
)

BASE = "/keypool/v1"
LISTING_SECONDS = 60.0
"""For all pages together."""
MOST_PAGES = 1000


class WebhookProvider(Adapter):
    """One account at a server of the protocol. The endpoint's URL is what stands before /keypool/v1."""

    def __init__(self, options: Webhook, transport: Transport) -> None:
        super().__init__(transport)
        self._options, self._checked = options, False
        can = frozenset(options.capabilities)
        self.capabilities = Capabilities(
            lists_names=True,
            sets_expiry="setsExpiry" in can,
            changes_limits="changesLimits" in can,
            disables_keys="disablesKeys" in can,
            sets_spend_limit="setsSpendLimit" in can,
            sets_rate_limit="setsRateLimit" in can or "limitsAccount" in can,
            limits_account="limitsAccount" in can,
            sets_scopes="setsScopes" in can,
            sets_models="setsModels" in can,
            tells_last_use="tellsLastUse" in can,
            tells_usage="tellsUsage" in can,
        )

    @property
    def base_url(self) -> str:
        """Where the keys are used, which may be elsewhere than where they are made."""
        return self._options.base_url or super().base_url

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key. A name that was used before (409) may have become one: something between us repeated it."""
        what, body = "create a key", terms_of(key, self.capabilities)
        call = Call(
            what,
            "POST",
            f"{BASE}/keys",
            headers={"Idempotency-Key": key.name},
            body=body,
            expect=frozenset({200, 201, 409}),
        )
        answer = await self._transport.call(call)
        if answer.status == 409:
            raise Ambiguous(f"{what}: the server says that the name was used before; it is looked for in the listing")
        created = read(Created, answer)
        if created is None:
            named = read(Named, answer)
            raise Unreadable(f"{what}: the answer holds no readable key", named.id if named else None)
        return CreatedKey(created.id, SecretStr(created.value), created.expires_at)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key; 404 may also mean that the URL is wrong, so that a probe has to prove it."""
        call = Call("delete a key", "DELETE", _path(handle), expect=frozenset({204, 404}), limit=0)
        answer = await self._transport.call(call)
        return Revocation.NOT_FOUND if answer.status == 404 else Revocation.DELETED

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives a key all limits that the server can enforce; null takes one away."""
        can, terms = self.capabilities, limits_of(limits)
        known = {
            "requestsPerMinute": can.sets_rate_limit,
            "spendLimit": can.sets_spend_limit,
            "models": can.sets_models,
        }
        return await self._change(handle, {name: terms.get(name) for name, is_known in known.items() if is_known})

    async def disable(self, handle: str, /) -> Found:
        """Makes a key unusable."""
        return await self._change(handle, {"active": False})

    async def enable(self, handle: str, /) -> Found:
        """Makes it usable again."""
        return await self._change(handle, {"active": True})

    async def _change(self, handle: str, body: dict[str, object]) -> Found:
        call = Call("change a key", "PATCH", _path(handle), body=body, expect=frozenset({200, 404}))
        answer = await self._transport.call(call)
        if answer.status == 404:
            return Found.NOT_FOUND
        changed = read(Listed, answer)
        if changed is None or changed.id != handle or body.get("active", changed.active) is not changed.active:
            raise Ambiguous("change a key: the answer does not show the key as it was to be")
        return Found.DONE

    async def usage(self, handle: str, /) -> Usage | None:
        """What a key was used for; None when there is no such key."""
        call = Call("read a key's usage", "GET", f"{_path(handle)}/usage", expect=frozenset({200, 404}))
        answer = await self._transport.call(call)
        if answer.status == 404:
            return None
        told = read(Told, answer)
        if told is None:
            raise Ambiguous("read a key's usage: the answer cannot be read")
        return Usage(told.spend, told.requests, told.last_used_at)

    async def probe(self, value: SecretStr) -> Probe:
        """Asks with the value in a header, and by POST: no cache in between may answer."""
        what, path, plain = "probe a key", f"{BASE}/keys/probe", value.get_secret_value()
        if not re.fullmatch(VALUE, plain):
            raise Rejected(f"{what}: the value is not one that a server of this protocol gives")
        answer = await self._transport.call(
            Call(what, "POST", path, headers={"Keypool-Key": plain}, secrets=(value,), until=self._soon())
        )
        told = read(Probed, answer)
        if told is None:
            raise Ambiguous("probe a key: the answer does not say whether the key is accepted")
        return Probe.ACCEPTED if told.accepted else Probe.REJECTED

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """All pages. The first time it is checked beforehand that the server is the one that the spec describes."""
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                await self._check()
                return await self._pages()
        except TimeoutError:
            raise Ambiguous(f"list the keys: no complete listing within {LISTING_SECONDS:g} s") from None

    async def _check(self) -> None:
        if self._checked:
            return
        told = read(
            Abilities, await self._transport.call(Call("ask what the server can do", "GET", f"{BASE}/capabilities"))
        )
        if told is None:
            raise Ambiguous("ask what the server can do: the answer is not one of the webhook protocol, version 1")
        if self._options.account not in (None, told.account):
            raise Rejected("the credential belongs to another account than spec.webhook.account names")
        lacking = [name for name in self._options.capabilities if not told.has(name)]
        if lacking:
            raise Rejected(f"the server cannot do what spec.webhook.capabilities names: {', '.join(lacking)}")
        self._checked = True

    async def _pages(self) -> tuple[ListedKey, ...]:
        what, found = "list the keys", dict[str, ListedKey]()
        tally = Tally(what)
        cursors: set[str | None] = {None}
        cursor: str | None = None
        while True:
            query = {"cursor": cursor} if cursor is not None else {}
            page = await page_of(self._transport, Call(what, "GET", f"{BASE}/keys", query=query), KEYS)
            if page.repeats or not page.kept.keys().isdisjoint(found):
                raise Ambiguous(f"{what}: a page has a key twice, or one of another page")
            tally.add(page)
            found |= page.kept
            cursor = around(what, page, Next).next
            if cursor is None:
                return tuple(found.values())
            if cursor in cursors or len(cursors) > MOST_PAGES:
                raise TooLarge(f"{what}: the pages do not end, {MOST_PAGES} were read")
            cursors.add(cursor)


def _path(handle: str) -> str:
    if not re.fullmatch(ID, handle):
        raise Rejected("the handle is not one that a server of this protocol gives")
    return f"{BASE}/keys/{handle}"


def build(options: Webhook, transport: Transport) -> Provider:
    """The adapter."""
    return WebhookProvider(options, transport)
