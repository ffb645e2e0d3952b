"""Adapters of other people: modules in packages of their own, found by entry point and never trusted to behave.

Whatever such an adapter raises, returns or forgets to end becomes one of the errors that keypool knows. An error that
is not a `ProviderError` is `Ambiguous`, because the call may have been carried out; of it only the type is told.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import SecretStr

from keypool.api.provider_options import Plugin
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Limits, Usage
from keypool.providers import numbers
from keypool.providers.boundary import outcome_of, through, type_of
from keypool.providers.errors import AdapterUnusable, Ambiguous, ProviderError, Throttled, Unreadable
from keypool.providers.protocol import CreatedKey, EndpointSeen, Found, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.text import excerpt
from keypool.providers.transport import Transport

GROUP = "keypool.providers"
LISTING_SECONDS = 60.0
"""A listing may take several calls."""
_HANDLE = r"[!-~]{1,1024}"
_VALUE = r"[!-~]{1,4096}"

_USAGE: Any = Usage | None

T = TypeVar("T")


class Guarded:
    """An adapter of others, held to what `protocol.Provider` promises."""

    def __init__(self, name: str, provider: Provider, transport: Transport) -> None:
        self._name, self._provider, self._transport = name, provider, transport
        self.capabilities = provider.capabilities
        self.base_url = provider.base_url

    @property
    def notice(self) -> str:
        """What people should know about the account."""
        said, _ = _tried(lambda: excerpt(str(getattr(self._provider, "notice", "")), ()))
        return said or ""

    def endpoints(self) -> tuple[EndpointSeen, ...]:
        """All endpoints, in order of preference."""
        return self._transport.endpoints.seen()

    def watch_endpoints(self, changed: Callable[[], None], /) -> None:
        """Has `changed` called when they change."""
        self._transport.endpoints.changed = changed

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates one key."""
        seconds = self._transport.deadlines.create
        made = await self._asked("create a key", CreatedKey, "create", key, seconds=seconds, secret=key.value)
        if (handle := _handle(made.handle)) and _is_value(made.value) and _is_moment(made.expires_at):
            return made
        said = "gave no handle or value of printable ASCII, or an expiry without a time zone, or far off"
        raise Unreadable(f"create a key: the adapter {self._name} {said}", handle)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes one key."""
        return await self._asked("delete a key", Revocation, "revoke", handle)

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives one key these limits."""
        return await self._asked("change a key", Found, "update", handle, limits)

    async def disable(self, handle: str, /) -> Found:
        """Makes one key unusable."""
        return await self._asked("disable a key", Found, "disable", handle)

    async def enable(self, handle: str, /) -> Found:
        """Undoes it."""
        return await self._asked("enable a key", Found, "enable", handle)

    async def usage(self, handle: str, /) -> Usage | None:
        """What one key was used for."""
        told: Usage | None = await self._asked("read a key's usage", _USAGE, "usage", handle)
        if told is None:
            return None
        with suppress(ValueError, TypeError, AttributeError):
            return numbers.usage(told)
        raise Ambiguous(f"read a key's usage: the adapter {self._name} told numbers or a time that no key can have")

    async def probe(self, value: SecretStr) -> Probe:
        """Asks whether the value is accepted."""
        return await self._asked("probe a key", Probe, "probe", value, secret=value)

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """The complete listing."""
        keys = await self._asked("list the keys", tuple, "list_keys", seconds=LISTING_SECONDS)
        if not all(_is_listed(key) for key in keys):
            raise Ambiguous(f"list the keys: the adapter {self._name} gave something that is no proper ListedKey")
        return keys

    async def close(self) -> None:
        """Closes the adapter, whatever it does, and the connections."""
        await self._outcome("close", "close", (), self._transport.deadlines.create + 1, None)
        await self._transport.close()

    async def _asked(
        self,
        what: str,
        kind: type[T],
        method: str,
        *arguments: object,
        seconds: float | None = None,
        secret: SecretStr | None = None,
    ) -> T:
        """The method's result, when it is of that kind."""
        outcome = await self._outcome(what, method, arguments, seconds or self._transport.deadlines.other, secret)
        if isinstance(outcome, ProviderError):
            raise outcome  # outside of any except block: what the adapter raised may show anything
        if not isinstance(outcome, kind):
            raise Ambiguous(f"{what}: the adapter {self._name} answered with {type(outcome).__name__}")
        return outcome

    async def _outcome(
        self, what: str, method: str, arguments: tuple[object, ...], seconds: float, secret: SecretStr | None
    ) -> object:
        async def call() -> object:
            return await getattr(self._provider, method)(*arguments)

        try:
            async with asyncio.timeout(seconds):
                outcome = await outcome_of(what, call, f"the adapter {self._name}")
        except TimeoutError:
            return Ambiguous(f"{what}: the adapter {self._name} gave no answer within {seconds:g} s")
        return _told(outcome, secret) if isinstance(outcome, ProviderError) else outcome


def _told(error: ProviderError, secret: SecretStr | None) -> ProviderError:
    """The error without anything that may not be told."""
    error.args = (excerpt(str(error), (secret,) if secret is not None else ()), *error.args[1:])
    error.__cause__ = error.__context__ = None
    _trim(error)
    return error.with_traceback(None)


def _handle(handle: object) -> str | None:
    return handle if isinstance(handle, str) and re.fullmatch(_HANDLE, handle) else None


def _is_value(value: object) -> bool:
    return isinstance(value, SecretStr) and re.fullmatch(_VALUE, value.get_secret_value()) is not None


def _is_moment(moment: object) -> bool:
    return moment is None or (
        isinstance(moment, datetime) and moment.tzinfo is not None and moment.year in numbers.YEARS
    )


def _is_listed(key: object) -> bool:
    named = isinstance(key, ListedKey) and _handle(key.handle) is not None and isinstance(key.name, str | None)
    return named and _is_moment(getattr(key, "expires_at", None))


def _trim(error: ProviderError) -> None:
    """What an error carries beside its message is of the type that it should be, or not there."""
    if isinstance(error, Unreadable):
        error.handle = _handle(error.handle)
    if isinstance(error, Throttled):
        error.retry_after = numbers.pause(error.retry_after) if isinstance(error.retry_after, timedelta) else None


def build(options: Plugin, transport: Transport) -> Provider:
    """The adapter that the spec names. Raises AdapterUnusable."""
    module = _load(options.adapter)
    make = getattr(module, "build", None)
    if not callable(make):
        raise AdapterUnusable(f"the adapter {options.adapter} has no function build(options, transport)")
    made, failure = _tried(lambda: _fit(make(dict(options.options), transport)))
    if isinstance(failure, ProviderError):
        raise AdapterUnusable(f"the adapter {options.adapter} refuses its options: {excerpt(str(failure), ())}")
    if failure is not None:
        raise AdapterUnusable(f"the adapter {options.adapter} cannot be built: {type_of(failure)}")
    if made is None:
        raise AdapterUnusable(f"the adapter {options.adapter} lacks capabilities or base_url: derive it from Adapter")
    return Guarded(options.adapter, made, transport)


def _fit(made: Any) -> Any:  # noqa: ANN401
    """None for what lacks one of the two."""
    known = isinstance(getattr(made, "capabilities", None), Capabilities)
    return made if known and isinstance(getattr(made, "base_url", None), str) else None


def _load(name: str) -> Any:  # noqa: ANN401
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in installed:
        names = ", ".join(sorted(installed))[:200] or "none"
        raise AdapterUnusable(f"no adapter {name} is installed in the operator's image (installed: {names})")
    module, failure = _tried(installed[name].load)
    if failure is not None:
        raise AdapterUnusable(f"the adapter {name} cannot be imported: {type_of(failure)}")
    return module


def _tried(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """What other people's code gives, or what it raised; that is raised again where it passes every boundary."""
    try:
        return call(), None
    except BaseException as error:
        if through(error) is not None:
            raise
        return None, error
