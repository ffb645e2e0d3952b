"""A mounted folder with a pool's keys.json, as the kubelet writes it: each version in a folder of its own."""

import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from keypool_lab.simulator import Simulator

Create = Callable[[], Awaitable[tuple[str, str]]]
Values = Mapping[str, str]
"""A key's public id → its value."""


def document(urls: Sequence[str], values: Values, **more: Any) -> dict[str, Any]:
    """A keys.json: every key is valid at every endpoint."""
    names = [str(number) for number in range(len(urls))]
    endpoints = [{"name": name, "bases": {"openai": url}} for name, url in zip(names, urls, strict=True)]
    keys = [
        {"id": key, "value": value, "endpoints": names, "rateGroup": key, "creditGroup": key}
        for key, value in values.items()
    ]
    pool = {"version": 1, "pool": "team-a/chat", "provider": "holySheep", "account": "one", "dialects": ["openai"]}
    return {**pool, "endpoints": endpoints, "keys": keys, **more}


class Mounted:
    """`path` is what a pod sees."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = itertools.count()

    def put(self, *documents: Mapping[str, Any] | bytes) -> None:
        """One pool in the folder itself, or several in folders 0, 1, … below it."""
        version = self.path / f"..v{next(self._count)}"
        for number, each in enumerate(documents):
            folder = version if len(documents) == 1 else version / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            raw = each if isinstance(each, bytes) else json.dumps(each).encode()
            (folder / "keys.json").write_bytes(raw)
        new = self.path / "..new"
        os.symlink(version.name, new)
        os.replace(new, self.path / "..data")


def empty(parent: Path) -> Mounted:
    """A folder of its own, without a version yet."""
    folder = parent / "keys"
    folder.mkdir()
    return Mounted(folder)


@asynccontextmanager
async def making_keys(simulator: Simulator) -> AsyncIterator[Create]:
    """`await create()` makes a key at the provider: its id there, and its value."""
    headers = {"Authorization": f"Bearer {simulator.admin_key}"}
    asked = {"name": "k", "rate_limit_rpm": 3000, "scopes": ["chat:write", "embeddings:write"], "expires_in_days": 30}
    async with ClientSession(headers=headers) as session:

        async def make() -> tuple[str, str]:
            async with session.post(f"{simulator.url}/keys", json=asked) as answer:
                told = await answer.json()
                return told["id"], told["key"]

        yield make
