"""A mounted folder with a pool's keys.json, as the kubelet writes it: each version in a folder of its own."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
