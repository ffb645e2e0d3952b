"""A watcher beside the operator: when was a pool first Ready, when did its published key change?"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

import aiohttp

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.core.lifecycle import KeyState
from keypool.core.projection import LABEL_PUBLISHED

STREAM_SECONDS = 3600
Object = Mapping[str, Any]


class Observer:
    """`async with` it. Times are `time.monotonic()` seconds at which an event was read; all names are pools' names."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self.ready_at: dict[str, float] = {}
        self.replaced_at: dict[str, float] = {}
        self.keys: dict[str, frozenset[str]] = {}
        """Each pool's keys by their upstream names; empty while one of them is not active."""
        self._published: dict[str, bytes] = {}

    async def __aenter__(self) -> Self:
        follow = ((paths.pools, "", self._note_pool), (paths.secrets, f"{LABEL_PUBLISHED}=true", self._note_secret))
        self._tasks = [
            asyncio.create_task(self._follow(path(self._namespace), selector, note)) for path, selector, note in follow
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note_pool(self, pool: Object, now: float) -> None:
        name, status = pool["metadata"]["name"], pool.get("status") or {}
        conditions = status.get("conditions") or ()
        if name not in self.ready_at and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            self.ready_at[name] = now
        keys = status.get("keys") or ()
        settled = all(key["state"] == KeyState.ACTIVE for key in keys)
        self.keys[name] = frozenset(key["name"] for key in keys) if settled else frozenset()

    def _note_secret(self, secret: Object, now: float) -> None:
        name = secret["metadata"]["name"]
        value = (secret.get("data") or {}).get("apiKey", "")
        digest = hashlib.sha256(value.encode()).digest()
        before = self._published.get(name)
        self._published[name] = digest
        if before not in {None, digest}:
            self.replaced_at.setdefault(name, now)

    async def _follow(self, path: str, selector: str, note: Callable[[Object, float], None]) -> None:
        """Without a version to begin at, a watch tells of everything that is there first; so it may begin anew."""
        while True:
            try:
                async for line in self._lines(path, selector):
                    now, event = time.monotonic(), json.loads(line)
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        note(event["object"], now)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.2)

    async def _lines(self, path: str, selector: str) -> AsyncIterator[bytes]:
        connection = self._client.connection
        headers = {"Authorization": await connection.authorization() or ""}
        query = {"watch": "1", "labelSelector": selector, "timeoutSeconds": str(STREAM_SECONDS)}
        async with (
            connection.session(1, None) as session,
            session.get(connection.server + path, params=query, headers=headers) as response,
        ):
            response.raise_for_status()
            rest = b""
            async for chunk in response.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
