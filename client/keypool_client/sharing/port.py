"""Where verdicts are left and found: what a store does, whichever it is."""

from collections.abc import Sequence
from typing import Protocol

MOST_READ = 256
"""Entries of a pool that are read at once, the newest ones."""
MOST_KEPT = 1000
"""Entries of a pool that the store keeps, about."""
KEPT_MS = 900_000
"""How long a pool's entries stay after the last one."""


class StoreLost(Exception):
    """The store cannot be used now. The text holds nothing that it said."""


class TooMuch(StoreLost):
    """An answer was larger than any is; its rest was not read."""


class Store(Protocol):
    """Every call may raise StoreLost, and may be cancelled. The next one connects anew."""

    async def now(self) -> int:
        """The store's own clock, in milliseconds: relays' clocks need not agree."""

    async def read(self, pool: str, after: int) -> Sequence[tuple[bytes, bytes]]:
        """What was left for the pool since then, the newest first: a mark that tells entries apart, and the entry."""

    async def write(self, entries: Sequence[tuple[str, bytes]]) -> Sequence[bool]:
        """Leaves entries for pools. For each, whether the store took it: a full one does not."""

    async def close(self) -> None:
        """Ends the connection."""
