"""A mounted Secret, exchanged as the kubelet does it, and what stands in it."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]


def a_document(**changes: Any) -> Document:
    key = {"id": "chat-0-ab12", "value": "sk-canary-0", "endpoints": ["0"]}
    document: Document = {
        "version": 1,
        "pool": "team-a/chat",
        "provider": "holySheep",
        "account": "3f9c",
        "dialects": ["openai"],
        "endpoints": [{"name": "0", "bases": {"openai": "https://api.example.com/v1"}}],
        "keys": [{**key, "rateGroup": "chat-0-ab12", "creditGroup": "3f9c"}],
    }
    return document | changes


class Mounted:
    """A folder as the kubelet's atomic writer keeps it: `..data` leads to the version, the files lead through it."""

    def __init__(self, path: Path) -> None:
        self.path, self._version = path, 0

    def write(self, files: Mapping[str, bytes]) -> None:
        self.path.mkdir(exist_ok=True)
        self._version += 1
        version = self.path / f"..2026_{self._version}"
        for name, content in files.items():
            (version / name).parent.mkdir(parents=True, exist_ok=True)
            (version / name).write_bytes(content)
        version.mkdir(exist_ok=True)
        before = self.path / "..data"
        old = before.resolve() if before.exists() else None
        (self.path / "..data_tmp").symlink_to(version.name)
        os.rename(self.path / "..data_tmp", before)
        for name in {name.partition("/")[0] for name in files}:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        if old is not None:
            shutil.rmtree(old)


@pytest.fixture
def document() -> Callable[..., Document]:
    return a_document


@pytest.fixture
def file() -> Callable[..., bytes]:
    return lambda **changes: json.dumps(a_document(**changes)).encode()


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    return Mounted(tmp_path / "keys")
