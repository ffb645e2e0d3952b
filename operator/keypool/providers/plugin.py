"""Adapters of other people: modules in packages of their own, found by entry point and never trusted to behave.

Whatever such an adapter raises, returns or forgets to end becomes one of the errors that keypool knows. An error that
is not a `ProviderError` is `Ambiguous`, because the call may have been carried out; of it only the type is told.
"""

import asyncio
import re
from collections.abc import Awaitable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from pydantic import SecretStr

from keypool.api.provider_options import Plugin
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Limits
from keypool.providers.errors import AdapterUnusable, Ambiguous, ProviderError, Unreadable
from keypool.providers.protocol import CreatedKey, Found, ListedKey, NewKey, Probe, Provider, Revocation, Usage
from keypool.providers.text import excerpt
from keypool.providers.transport import Transport

GROUP = "keypool.providers"
LISTING_SECONDS = 60.0
"""A listing may take several calls."""
_HANDLE = r"[!-~]{1,1024}"
_VALUE = r"[!-~]{1,4096}"

T = TypeVar("T")


class Guarded:
    """An adapter of others, held to what `protocol.Provider` promises."""

    def __init__(self, name: str, provider: Provider, transport: Transport) -> None:
        self._name, self._provider, self._transport = name, provider, transport
        self.capabilities = provider.capabilities
        self.base_url = provider.base_url

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates one key."""
        seconds = self._transport.deadlines.create
        secrets = (key.value,) if key.value is not None else ()
        made = await self._held("create a key", self._provider.create(key), CreatedKey, seconds, *secrets)
        if re.fullmatch(_HANDLE, made.handle) and re.fullmatch(_VALUE, made.value.get_secret_value()):
            return made
        handle = made.handle if re.fullmatch(_HANDLE, made.handle) else None
        raise Unreadable(f"create a key: the adapter {self._name} gave no handle or value of printable ASCII", handle)

    async def revoke(self, handle: str) -> Revocation:
        """Deletes one key."""
        return await self._held("delete a key", self._provider.revoke(handle), Revocation)

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives one key these limits."""
        return await self._held("change a key", self._provider.update(handle, limits), Found)

    async def disable(self, handle: str, /) -> Found:
        """Makes one key unusable."""
        return await self._held("disable a key", self._provider.disable(handle), Found)

    async def enable(self, handle: str, /) -> Found:
        """Undoes it."""
        return await self._held("enable a key", self._provider.enable(handle), Found)

    async def usage(self, handle: str, /) -> Usage | None:
        """What one key was used for."""
        return await self._held("read a key's usage", self._provider.usage(handle), (Usage, type(None)))

    async def probe(self, value: SecretStr) -> Probe:
        """Asks whether the value is accepted."""
        return await self._held("probe a key", self._provider.probe(value), Probe, None, value)

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """The complete listing."""
        what = "list the keys"
        keys: tuple[Any, ...] = await self._held(what, self._provider.list_keys(), tuple, LISTING_SECONDS)
        if not all(isinstance(key, ListedKey) for key in keys):
            raise Ambiguous(f"{what}: the adapter {self._name} gave something that is no ListedKey")
        return keys

    async def close(self) -> None:
        """Closes the adapter and the connections, whatever the adapter does."""
        try:
            await self._outcome("close", self._provider.close(), self._transport.deadlines.create + 1, ())
        finally:
            await self._transport.close()

    async def _held(
        self, what: str, call: Awaitable[T], kind: Any, seconds: float | None = None, *secrets: SecretStr
    ) -> T:
        """The call's result, when it is of the right kind."""
        outcome = await self._outcome(what, call, seconds or self._transport.deadlines.other, secrets)
        if isinstance(outcome, ProviderError):
            raise outcome  # outside of any except block: what the adapter raised may show anything
        if not isinstance(outcome, kind):
            raise Ambiguous(f"{what}: the adapter {self._name} answered with {type(outcome).__name__}")
        return outcome

    async def _outcome(
        self, what: str, call: Awaitable[T], seconds: float, secrets: tuple[SecretStr, ...]
    ) -> T | ProviderError:
        try:
            async with asyncio.timeout(seconds):
                return await call
        except ProviderError as error:
            error.args = (excerpt(str(error), secrets), *error.args[1:])
            error.__cause__ = error.__context__ = None
            return error.with_traceback(None)
        except TimeoutError:
            return Ambiguous(f"{what}: the adapter {self._name} gave no answer within {seconds:g} s")
        except Exception as error:  # noqa: BLE001
            return Ambiguous(f"{what}: the adapter {self._name} failed with {type(error).__name__}")


def build(options: Plugin, transport: Transport) -> Provider:
    """The adapter that the spec names. Raises AdapterUnusable."""
    module = _load(options.adapter)
    make = getattr(module, "build", None)
    if not callable(make):
        raise AdapterUnusable(f"the adapter {options.adapter} has no function build(options, transport)")
    made, failure = _made(make, options, transport)
    if isinstance(failure, ProviderError):
        raise AdapterUnusable(f"the adapter {options.adapter} refuses its options: {excerpt(str(failure), ())}")
    if failure is not None:
        raise AdapterUnusable(f"the adapter {options.adapter} cannot be built: {type(failure).__name__}")
    if not isinstance(getattr(made, "capabilities", None), Capabilities) or not hasattr(made, "base_url"):
        raise AdapterUnusable(f"the adapter {options.adapter} lacks capabilities or base_url: derive it from Adapter")
    return Guarded(options.adapter, made, transport)


def _load(name: str) -> Any:  # noqa: ANN401
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in installed:
        names = ", ".join(sorted(installed))[:200] or "none"
        raise AdapterUnusable(f"no adapter {name} is installed in the operator's image (installed: {names})")
    module, failure = _imported(installed[name])
    if failure is not None:
        raise AdapterUnusable(f"the adapter {name} cannot be imported: {type(failure).__name__}")
    return module


def _imported(entry: EntryPoint) -> tuple[Any, Exception | None]:
    try:
        return entry.load(), None
    except Exception as error:  # noqa: BLE001
        return None, error


def _made(make: Any, options: Plugin, transport: Transport) -> tuple[Any, Exception | None]:  # noqa: ANN401
    try:
        return make(dict(options.options), transport), None
    except Exception as error:  # noqa: BLE001
        return None, error
