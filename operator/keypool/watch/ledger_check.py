"""Finds ledgers that somebody edited or deleted while nobody wrote them, by comparing resourceVersions."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import KubeError
from keypool.cluster.installation import Installation
from keypool.cluster.ledgers import LABEL, NAME, LedgerBook, LedgerHandle
from keypool.serve.logs import describe

LOOK = 30.0
"""Seconds between two looks at the installation's Secret, where an administrator confirms things."""

_log = logging.getLogger(__name__)


class LedgerCheck:
    """`every` is in seconds; `touch_pool` queues a pool by UID. Lists metadata only; a whole ledger is read only where
    the versions differ."""

    def __init__(
        self,
        client: KubeClient,
        book: LedgerBook,
        installed: Installation,
        touch_pool: Callable[[str], None],
        every: float,
    ) -> None:
        self._client, self._book, self._installed = client, book, installed
        self._touch_pool, self._every = touch_pool, every
        self._seen: dict[str, str] = {}

    async def run(self) -> None:
        """Compare again and again until cancelled. Raises LeadershipLost."""
        while True:
            await asyncio.sleep(self._every * random.uniform(0.9, 1.1))  # noqa: S311 - replicas spread out
            try:
                if self._installed.changed is None:
                    await self.once()
            except KubeError as error:
                _log.warning("the ledgers could not be checked", extra={"error": describe(error)})

    async def once(self) -> int:
        """Writes back what was changed; returns how many were. Raises KubeError, LeadershipLost."""
        before = {handle.ledger.pool_uid: handle.version for handle in self._book.all() if handle.exists}
        listed = await self._listed()
        written = 0
        for uid, version in before.items():
            handle = self._book.get(uid)
            if listed.get(uid) != version and handle is not None and handle.version == version:
                written += await self._verify(handle)
                self._touch_pool(uid)
        for uid in self._book.unreadable.keys() - listed.keys():
            self._touch_pool(uid)  # given up
        for uid in listed.keys() - before.keys():
            if self._book.get(uid) is None and self._seen.get(uid) != listed[uid]:
                self._touch_pool(uid)  # restored or mended: its pool reads it live
        self._seen = {uid: version for uid, version in listed.items() if uid not in before}
        return written

    async def _verify(self, handle: LedgerHandle) -> bool:
        """One that cannot be written back keeps no other from it."""
        try:
            return await handle.verify()
        except KubeError as error:
            _log.error("ledger of pool %s could not be checked: %s", handle.ledger.pool_uid, describe(error))
            return False

    async def _listed(self) -> dict[str, str]:
        found, path = dict[str, str](), paths.secrets(self._book.namespace)
        async with contextlib.aclosing(self._client.pages(path, _version, f"{LABEL}=true", metadata=True)) as pages:
            async for page in pages:
                found |= page.items
        return found


def _version(item: Mapping[str, Any]) -> tuple[str, str]:
    meta = item["metadata"]
    return meta["name"].removeprefix(NAME.format(uid="")), meta["resourceVersion"]


async def watch_installation(installed: Installation, touch_all: Callable[[], None], every: float) -> None:
    """Has every pool looked at when an administrator confirmed something. Until cancelled."""
    while True:
        await asyncio.sleep(min(every, LOOK))
        try:
            if await installed.refresh():
                touch_all()
        except (KubeError, ValueError) as error:
            _log.warning("the installation could not be read", extra={"error": describe(error)})
