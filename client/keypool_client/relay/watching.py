"""Follows the mounted folder: what it says is used from the next request on; open requests keep their key."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from keypool_client.keys import EVERY, Folder, Pools
from keypool_client.model import Pool

log = logging.getLogger(__name__)


class Watcher:
    """Looks once a second and hands on what is new."""

    def __init__(self, path: Path, apply: Callable[[tuple[Pool, ...]], Awaitable[None]]) -> None:
        self._folder, self._apply = Folder(path), apply
        self.now = Pools()
        self.looked = False

    @property
    def ready(self) -> bool:
        """Whether a pool was ever read."""
        return bool(self.now.pools)

    async def look(self) -> None:
        """Once."""
        found = await asyncio.to_thread(self._folder.look)
        self.looked = True
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
