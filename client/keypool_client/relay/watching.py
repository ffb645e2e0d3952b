"""Follows the mounted folder: what it says is used from the next request on; open requests keep their key."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from math import inf
from pathlib import Path

from keypool_client.keys import EVERY, Folder, Pools
from keypool_client.model import Pool

STALE_SECONDS = 60.0
log = logging.getLogger(__name__)


class Watcher:
    """Looks once a second and hands on what is new."""

    def __init__(self, path: Path, apply: Callable[[tuple[Pool, ...]], Awaitable[None]]) -> None:
        self._folder, self._apply = Folder(path), apply
        self.now = Pools()
        self._looked_at = -inf

    @property
    def ready(self) -> bool:
        """Whether a pool was ever read."""
        return bool(self.now.pools)

    def well(self, now: float) -> bool:
        """Whether the folder was read of late, and nothing was wrong with it. `now`: monotonic seconds."""
        return not self.now.troubles and now - self._looked_at < STALE_SECONDS

    async def look(self) -> None:
        """Once."""
        found = await asyncio.to_thread(self._folder.look)
        self._looked_at = time.monotonic()
        if found is None:
            return
        if found.pools != self.now.pools:
            await self._apply(found.pools)
            log.info("keys: %s", _told(found.pools))
        for trouble in set(found.troubles) - set(self.now.troubles):
            log.warning("%s", trouble)
        self.now = found

    async def follow(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.look()


def _told(pools: tuple[Pool, ...]) -> str:
    return "; ".join(f"{pool.name} has {', '.join(key.id for key in pool.keys) or 'none'}" for pool in pools) or "none"
