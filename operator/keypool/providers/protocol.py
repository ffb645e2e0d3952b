"""The protocol that every provider is driven through, and the values that cross it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from keypool.core.breaker import State
from keypool.core.capabilities import Capabilities
from keypool.core.limits import NO_IDENTITY, NO_LIMITS, Identity, Limits, Usage


@dataclass(frozen=True, slots=True)
class NewKey:
    """What to create: `name` is unique and never reused; `lifetime` is how long the key is to live: never longer, as a
    provider may refuse that, but where it knows whole days alone; `owner`
    is the same for all keys of a pool; `value` is the one to give it, only where the provider `chooses_value`. `tags`
    and `metadata` (namespace, pool and installation among it) are what the provider accounts by; no secrets."""

    name: str
    lifetime: timedelta
    scopes: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    owner: str = ""
    value: SecretStr | None = None
    identity: Identity = NO_IDENTITY
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key that our create call returned. `handle` is opaque and names it in later calls; no repr shows `value`."""

    handle: str
    value: SecretStr
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as the provider lists it. `name`: "" for a key that has none, None where the listing shows no names;
    `fingerprint` (12 hex of the value's SHA-256) only where values are listed; `expires_at` only where expiries are."""

    handle: str
    name: str | None
    fingerprint: str | None
    active: bool
    expires_at: datetime | None = None


class Probe(Enum):
    """A definite answer about a key's value. Everything indefinite is an exception instead."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Revocation(Enum):
    """What the delete call answered. NOT_FOUND alone proves nothing: the caller probes the value."""

    DELETED = "deleted"
    NOT_FOUND = "not found"


class Found(Enum):
    """Whether the key that was to be changed is there. NOT_FOUND alone proves nothing."""

    DONE = "done"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class EndpointSeen:
    """An endpoint as it looks now. `in_use`: it is the first that works. `retry_in`: seconds until one that is open
    is tried again."""

    url: str
    state: State
    in_use: bool = False
    retry_in: float = 0.0


@runtime_checkable
class Leaving(Protocol):
    """A provider that makes something for keys, such as a user, which stays when a key goes otherwise than by us."""

    async def forget(self, handle: str, /) -> None:
        """Has that go, for a key that is gone. Never what other keys need. Repeating it is harmless."""
        ...


class Provider(Protocol):
    """One account at one provider. Every method has a total deadline of its own and raises `ProviderError` only.
    What the capabilities do not promise is never called; `providers.adapter.Adapter` refuses it for those that lack it.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do, as far as the spec tells; it does not change."""
        ...

    @property
    def base_url(self) -> str:
        """The preferred endpoint: what workloads use, as published in the Secret, unless their pool follows."""
        ...

    def endpoints(self) -> tuple[EndpointSeen, ...]:
        """All endpoints, in order of preference. None is in use before the first answer."""
        ...

    def watch_endpoints(self, changed: Callable[[], None], /) -> None:
        """Has `changed` called whenever an endpoint's state changes, or another one is in use."""
        ...

    @property
    def notice(self) -> str:
        """What people should know about the account although its keys are accepted; "" for nothing."""
        ...

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates one key. After `Ambiguous` it may exist; after any other error it does not."""
        ...

    async def revoke(self, handle: str) -> Revocation:
        """Deletes one key. Repeating it is harmless."""
        ...

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives one key these limits, all of them, in place. Repeating it is harmless."""
        ...

    async def disable(self, handle: str, /) -> Found:
        """Makes one key unusable until `enable`. Repeating it is harmless."""
        ...

    async def enable(self, handle: str, /) -> Found:
        """Undoes `disable`. Repeating it is harmless."""
        ...

    async def usage(self, handle: str, /) -> Usage | None:
        """What one key was used for; None when there is no such key."""
        ...

    async def probe(self, value: SecretStr) -> Probe:
        """Asks whether the provider accepts this value now."""
        ...

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """The complete listing; raises `Ambiguous` when it cannot be shown to be complete. It also proves that the
        endpoint takes the admin credential, and tells by its keys which account that belongs to."""
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...
