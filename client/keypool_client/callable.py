"""What `api_key=` of an SDK takes: a function that returns the pool's key as it is at this moment.

It gives the first pool's first key, which is the one with the lowest slot. It spreads no load and avoids no key: the
relay does that.
"""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable

from keypool_client.keys import EVERY, Folder, default_folder


class NoKey(RuntimeError):
    """There is no key to use; the text says why."""


def api_key(folder: str | os.PathLike[str] | None = None) -> Callable[[], str]:
    """For `OpenAI(api_key=api_key())` and whatever else calls a function for its key. It looks at the folder at most
    once a second, may be called from any thread, and raises NoKey."""
    return _Source(folder, time.monotonic).value


def async_api_key(folder: str | os.PathLike[str] | None = None) -> Callable[[], Awaitable[str]]:
    """The same for `AsyncOpenAI(api_key=async_api_key())`: files are read in a thread."""
    source = _Source(folder, time.monotonic)

    async def value() -> str:
        known = source.fresh()
        return known if known is not None else await asyncio.to_thread(source.value)

    return value


class _Source:
    """`clock` counts seconds."""

    def __init__(self, folder: str | os.PathLike[str] | None, clock: Callable[[], float]) -> None:
        self._folder, self._clock = Folder(folder if folder is not None else default_folder()), clock
        self._lock = threading.Lock()
        self._looked_at: float | None = None
        self._value: str | None = None

    def fresh(self) -> str | None:
        """The key where it was looked for within the last second."""
        at = self._looked_at
        return self._value if at is not None and self._clock() - at < EVERY else None

    def value(self) -> str:
        """The key. Raises NoKey."""
        with self._lock:
            if (known := self.fresh()) is not None:
                return known
            self._folder.look()
            self._value = value = self._first()
            self._looked_at = self._clock()
            return value

    def _first(self) -> str:
        now = self._folder.now
        keys = now.pools[0].keys if now.pools else ()
        if not keys:
            empty = f"{self._folder.path}: pool {now.pools[0].name} has no key at the moment" if now.pools else ""
            raise NoKey("; ".join(filter(None, (empty, *now.troubles))))
        return keys[0].value
