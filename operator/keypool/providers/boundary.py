"""Where adapters end: beyond it, every call has an outcome that `providers.errors` declares.

Libraries parse what providers answer, and other people write adapters, too. An exception that nobody thought of would
end a pass where it stands. Here it becomes what it means: before the first byte of a request nothing was sent; after
that it may have happened. Only its type is told, because its text may hold anything.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import TypeVar

from pydantic import SecretStr

from keypool.core.capabilities import Capabilities
from keypool.core.leadership import LeadershipLost
from keypool.core.limits import Limits, Usage
from keypool.providers.connections import traced
from keypool.providers.errors import Ambiguous, ProviderError, Unavailable
from keypool.providers.protocol import (
    CreatedKey,
    EndpointSeen,
    Found,
    Leaving,
    ListedKey,
    NewKey,
    Probe,
    Provider,
    Revocation,
)

_THROUGH = (LeadershipLost, MemoryError, KeyboardInterrupt, GeneratorExit)
_LONGEST_NAME = 64

T = TypeVar("T")
OnCall = Callable[[str, str, float], None]
"""Is told of each call that ended: which, "ok" or the type of error, and its seconds."""
_IN_WORDS = {
    "create": "create a key",
    "revoke": "delete a key",
    "update": "change a key",
    "disable": "disable a key",
    "enable": "enable a key",
    "usage": "read a key's usage",
    "probe": "probe a key",
    "list": "list the keys",
}

_log = logging.getLogger(__name__)


def through(error: BaseException) -> BaseException | None:
    """What passes every boundary as it is: that we are cancelled, lead no more, or have no memory. None for all else,
    also for a cancellation that nobody asked for: it would end a pass that is never made again."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return error if task is None or task.cancelling() else None
    if isinstance(error, BaseExceptionGroup):
        return next((inner for each in error.exceptions if (inner := through(each)) is not None), None)
    return error if isinstance(error, _THROUGH) else None


def type_of(error: BaseException) -> str:
    """All that may be told of an error that nobody thought of."""
    return "".join(filter(str.isidentifier, type(error).__name__))[:_LONGEST_NAME]


async def outcome_of(
    what: str, call: Callable[[], Awaitable[T]], who: str = "the adapter", *, sent: Callable[[], bool] = lambda: True
) -> T | ProviderError:
    """What the call gives, or the error that tells how it failed. One that nobody declared is `Ambiguous`, or
    `Unavailable` where nothing was `sent`. The caller raises it outside of any except block, so that it carries none of
    the others along."""
    try:
        return await call()
    except ProviderError as error:
        return error
    except BaseException as error:  # noqa: BLE001 - one place for all that nobody thought of
        if (own := through(error)) is not None:
            raise own from None
        name = type_of(error)
    _log.error("an adapter failed unexpectedly", extra={"call": what, "error": name})
    if not sent():
        return Unavailable(f"{what}: not sent, because {who} failed with {name}")
    return Ambiguous(f"{what}: {who} failed with {name}")


def built(make: Callable[[], Provider]) -> Provider:
    """The adapter that is made. Raises `ProviderError` only."""
    try:
        return make()
    except ProviderError:
        raise
    except BaseException as error:  # noqa: BLE001
        if (own := through(error)) is not None:
            raise own from None
        name = type_of(error)
    _log.error("an adapter could not be made", extra={"error": name})
    raise Unavailable(f"the provider's client cannot be made: it failed with {name}")


class Bounded:
    """An adapter that raises `ProviderError` only. `sends_here`: it sends nothing but through keypool's own transport,
    so that it is known whether anything was sent."""

    def __init__(self, provider: Provider, *, sends_here: bool, on_call: OnCall = lambda _, __, ___: None) -> None:
        self._provider, self._sends_here, self._on_call = provider, sends_here, on_call

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do."""
        return self._provider.capabilities

    @property
    def base_url(self) -> str:
        """What workloads use."""
        return self._provider.base_url

    @property
    def notice(self) -> str:
        """What people should know about the account."""
        return self._provider.notice

    def endpoints(self) -> tuple[EndpointSeen, ...]:
        """All endpoints, in order of preference."""
        return self._provider.endpoints()

    def watch_endpoints(self, changed: Callable[[], None], /) -> None:
        """Has `changed` called when they change."""
        self._provider.watch_endpoints(changed)

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates one key."""
        return await self._asked("create", partial(self._provider.create, key))

    async def revoke(self, handle: str) -> Revocation:
        """Deletes one key."""
        return await self._asked("revoke", partial(self._provider.revoke, handle))

    async def forget(self, handle: str, /) -> None:
        """What was made for a key that is gone goes too; it counts among the calls that delete keys."""
        if isinstance(self._provider, Leaving):
            await self._asked("revoke", partial(self._provider.forget, handle))

    async def update(self, handle: str, limits: Limits, /) -> Found:
        """Gives one key these limits."""
        return await self._asked("update", partial(self._provider.update, handle, limits))

    async def disable(self, handle: str, /) -> Found:
        """Makes one key unusable."""
        return await self._asked("disable", partial(self._provider.disable, handle))

    async def enable(self, handle: str, /) -> Found:
        """Undoes it."""
        return await self._asked("enable", partial(self._provider.enable, handle))

    async def usage(self, handle: str, /) -> Usage | None:
        """What one key was used for."""
        return await self._asked("usage", partial(self._provider.usage, handle))

    async def probe(self, value: SecretStr) -> Probe:
        """Asks whether the value is accepted."""
        return await self._asked("probe", partial(self._provider.probe, value))

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """The complete listing."""
        return await self._asked("list", self._provider.list_keys)

    async def close(self) -> None:
        """Closes connections; what goes wrong with that is logged."""
        await outcome_of("close", self._provider.close)

    async def _asked(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        started = monotonic()
        with traced() as trace:
            outcome = await outcome_of(_IN_WORDS[what], call, sent=lambda: trace.begun or not self._sends_here)
        told = type(outcome).__name__ if isinstance(outcome, ProviderError) else "ok"
        self._on_call(what, told, monotonic() - started)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome
