"""HolySheep AI: keys over its `/keys` API.

The listing shows values but, as documented, no names. Two things are assumptions, because the documented API does not
have them: `DELETE /keys/{id}` (204, then 404), and the header `X-API-Key` for validation, which keeps keys out of
access logs; where the header is not taken, the documented query string is used.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr

from keypool.api.provider_options import HolySheep
from keypool.core.capabilities import Capabilities
from keypool.core.fingerprint import fingerprint
from keypool.providers.adapter import HANDLE, VALUE, Adapter, Handle, Maybe, Value, WireModel, read
from keypool.providers.errors import Ambiguous, Rejected, Unreadable
from keypool.providers.numbers import Moment
from keypool.providers.outcomes import refusal
from keypool.providers.pages import Entries
from keypool.providers.paging import page_of
from keypool.providers.protocol import CreatedKey, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.strangers import named_otherwise
from keypool.providers.transport import Answer, Call, Transport

DEFAULT_SCOPES = ("chat:write", "embeddings:write")
DEFAULT_REQUESTS_PER_MINUTE = 3000
MAX_LIFETIME = timedelta(days=30)
LAG = timedelta(seconds=5)
"""For which a new key may be rejected, or missing from the listing, without being given up. Our assumption: nothing is
documented, and a good key that is thrown away too early costs more than a bad one that is kept a moment longer."""
KEY_HEADER = "X-API-Key"
_DAY = timedelta(days=1)


class _Handle(WireModel):
    id: Handle


class _Created(_Handle):
    key: Value = Field(repr=False)
    expires_at: Moment | None = None


class _Listed(_Handle):
    key: str | None = Field(default=None, max_length=4096, repr=False)
    name: str | None = Field(default=None, max_length=1024)
    is_active: bool = True
    expires_at: Annotated[Moment | None, Maybe] = None


def _kept(key: _Listed) -> tuple[str, ListedKey]:
    shown = fingerprint(SecretStr(key.key)) if key.key else None
    return key.id, ListedKey(key.id, key.name, shown, key.is_active, key.expires_at)


_KEYS = Entries("keys", _Listed, _kept)
_NAMED = replace(_KEYS, passed=named_otherwise("id", "name"))


class _Validity(WireModel):
    is_valid: bool


class HolySheepProvider(Adapter):
    """One account at HolySheep. The base URL includes the version, as in https://api.holysheep.ai/v1."""

    def __init__(self, options: HolySheep, transport: Transport) -> None:
        super().__init__(transport)
        self._takes_header = True
        self.capabilities = Capabilities(
            lists_values=True,
            lists_inactive=True,
            lists_names=options.lists_names,
            sets_expiry=True,
            sets_rate_limit=True,
            sets_scopes=True,
            activation_lag=LAG,
            listing_lag=LAG,
            max_lifetime=MAX_LIFETIME,
        )

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key that expires after whole days, rounded up; when it is replaced is decided by keypool."""
        body = {
            "name": key.name,
            "rate_limit_rpm": key.limits.requests_per_minute or DEFAULT_REQUESTS_PER_MINUTE,
            "scopes": list(key.scopes or DEFAULT_SCOPES),
            "expires_in_days": min(max(math.ceil(key.lifetime / _DAY), 1), MAX_LIFETIME.days),
        }
        answer = await self._transport.call(
            Call("create a key", "POST", "/keys", body=body, expect=frozenset({200, 201}))
        )
        created = read(_Created, answer)
        if created is None:
            named = read(_Handle, answer)
            raise Unreadable("create a key: the answer holds no readable key", named.id if named else None)
        return CreatedKey(created.id, SecretStr(created.key), created.expires_at)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key. Only 204 counts as done: a portal in between answers everything with 200."""
        if not re.fullmatch(HANDLE, handle):
            raise Rejected("delete a key: the handle is not one that HolySheep gives")
        call = Call("delete a key", "DELETE", f"/keys/{quote(handle, safe='')}", expect=frozenset({204, 404}), limit=0)
        answer = await self._transport.call(call)
        return Revocation.NOT_FOUND if answer.status == 404 else Revocation.DELETED

    async def probe(self, value: SecretStr) -> Probe:
        """Asks with the key in a header, and in the query only where the provider does not take the header."""
        if not re.fullmatch(VALUE, value.get_secret_value()):
            raise Rejected("validate a key: the value is not one that HolySheep gives")
        if self._takes_header:
            answer = await self._transport.call(_validation(value, headers={KEY_HEADER: value.get_secret_value()}))
            if answer.status == 200:
                return _verdict(answer)
            if not re.search(r"query|missing|required", answer.said, re.IGNORECASE):
                raise refusal("validate a key", answer.status, answer.said)
        answer = await self._transport.call(_validation(value, query={"key": value.get_secret_value()}))
        if answer.status != 200:
            raise refusal("validate a key", answer.status, answer.said)
        self._takes_header = False
        return _verdict(answer)

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """All keys of the account, with fingerprints of their values. One malformed entry spoils the whole listing,
        unless its name shows that it is somebody else's."""
        entries = _NAMED if self.capabilities.lists_names else _KEYS
        page = await page_of(self._transport, Call("list the keys", "GET", "/keys"), entries)
        return tuple(page.kept.values())


def _validation(
    value: SecretStr, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
) -> Call:
    return Call(
        "validate a key",
        "GET",
        "/keys/validate",
        headers=headers or {},
        query=query or {},
        secrets=(value,),
        expect=frozenset({200, 400, 422}),
    )


def _verdict(answer: Answer) -> Probe:
    validity = read(_Validity, answer)
    if validity is None:
        raise Ambiguous("validate a key: the answer does not say whether the key is valid")
    return Probe.ACCEPTED if validity.is_valid else Probe.REJECTED


def build(options: HolySheep, transport: Transport) -> Provider:
    """The adapter."""
    return HolySheepProvider(options, transport)
