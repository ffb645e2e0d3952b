"""A provider in memory, for tests of what is above the providers: errors by script, every call noted."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from keypool.core.breaker import State
from keypool.core.capabilities import Capabilities
from keypool.core.fingerprint import fingerprint
from keypool.core.limits import NO_LIMITS, Limits, Usage
from keypool.providers.errors import Ambiguous, ProviderError
from keypool.providers.protocol import CreatedKey, EndpointSeen, Found, ListedKey, NewKey, Probe, Revocation

Method = Literal["create", "revoke", "update", "disable", "enable", "usage", "probe", "list_keys"]

FAKE = Capabilities(lists_names=True, lists_values=True, sets_scopes=True, sets_rate_limit=True)


@dataclass(slots=True)
class FakeKey:
    """A key at the fake. `active` False: it is listed, and probes reject it."""

    handle: str
    name: str
    value: SecretStr
    active: bool = True
    limits: Limits = NO_LIMITS
    usage: Usage = field(default_factory=Usage)


@dataclass(slots=True)
class FakeProvider:
    """Behaves as a correct provider until told otherwise. `keys` by handle may be edited, as by somebody else.

    `calls` holds (method, argument) in order; the argument is a name, a handle, a fingerprint or "".
    """

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            lists_names=True, lists_values=True, sets_scopes=True, sets_rate_limit=True
        )
    )
    notice: str = ""
    base_url: str = "https://fake.example/v1"
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    keys: dict[str, FakeKey] = field(default_factory=dict)
    calls: list[tuple[Method, str]] = field(default_factory=list)
    closed: bool = False
    _errors: defaultdict[Method, deque[ProviderError]] = field(default_factory=lambda: defaultdict(deque))
    _made: int = 0

    def fail(self, method: Method, *errors: ProviderError) -> None:
        """The next calls of `method` raise these, one each. An `Ambiguous` create or revoke happens all the same."""
        self._errors[method].extend(errors)

    def called(self, method: Method) -> list[str]:
        """The arguments of all calls of one method, in order."""
        return [argument for name, argument in self.calls if name == method]

    def endpoints(self) -> tuple[EndpointSeen, ...]:
        """The only one, which works."""
        return (EndpointSeen(self.base_url, State.CLOSED, in_use=True),)

    def watch_endpoints(self, _changed: Callable[[], None], /) -> None:
        """Nothing ever changes."""

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key that lives exactly as long as asked. The same name and value again give the same key."""
        error = self._enter("create", key.name, happens=True)
        if key.value is not None and (known := self._known(key.name, key.value)) is not None:
            self._raise(error)
            return CreatedKey(known.handle, known.value, self.now + self._lifetime(key.lifetime))
        self._made += 1
        value = key.value or SecretStr(f"sk-fake-{self._made:032d}")
        made = FakeKey(f"fake-{self._made}", key.name, value, limits=key.limits)
        self.keys[made.handle] = made
        self._raise(error)
        return CreatedKey(made.handle, made.value, self.now + self._lifetime(key.lifetime))

    def _known(self, name: str, value: SecretStr) -> FakeKey | None:
        return next((key for key in self.keys.values() if (key.name, key.value) == (name, value)), None)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key."""
        error = self._enter("revoke", handle, happens=True)
        gone = self.keys.pop(handle, None)
        self._raise(error)
        return Revocation.DELETED if gone else Revocation.NOT_FOUND

    async def update(self, handle: str, limits: Limits) -> Found:
        """Notes the limits of a key."""
        self._enter("update", handle)
        if handle not in self.keys:
            return Found.NOT_FOUND
        self.keys[handle].limits = limits
        return Found.DONE

    async def disable(self, handle: str) -> Found:
        """Makes a key inactive."""
        self._enter("disable", handle)
        return self._switch(handle, active=False)

    async def enable(self, handle: str) -> Found:
        """Makes a key active."""
        self._enter("enable", handle)
        return self._switch(handle, active=True)

    def _switch(self, handle: str, *, active: bool) -> Found:
        if handle not in self.keys:
            return Found.NOT_FOUND
        self.keys[handle].active = active
        return Found.DONE

    async def usage(self, handle: str) -> Usage | None:
        """What the test says that a key was used for."""
        self._enter("usage", handle)
        return self.keys[handle].usage if handle in self.keys else None

    async def probe(self, value: SecretStr) -> Probe:
        """Accepts the values of active keys."""
        self._enter("probe", fingerprint(value))
        known = (key for key in self.keys.values() if key.active and key.value == value)
        return Probe.ACCEPTED if any(known) else Probe.REJECTED

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """Lists what the capabilities say is listed."""
        self._enter("list_keys")
        return tuple(self._listed(self.keys.values()))

    async def close(self) -> None:
        """Notes that it was closed."""
        self.closed = True

    def _listed(self, keys: Iterable[FakeKey]) -> Iterable[ListedKey]:
        for key in keys:
            name = key.name if self.capabilities.lists_names else None
            printed = fingerprint(key.value) if self.capabilities.lists_values else None
            yield ListedKey(key.handle, name, printed, key.active)

    def _lifetime(self, asked: timedelta) -> timedelta:
        longest = self.capabilities.max_lifetime
        return asked if longest is None else min(asked, longest)

    def _enter(self, method: Method, argument: str = "", *, happens: bool = False) -> ProviderError | None:
        self.calls.append((method, argument))
        error = self._errors[method].popleft() if self._errors[method] else None
        if not (happens and isinstance(error, Ambiguous)):
            self._raise(error)
        return error

    @staticmethod
    def _raise(error: ProviderError | None) -> None:
        if error is not None:
            raise error
