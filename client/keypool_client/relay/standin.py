"""To be deleted: what wire will offer."""

import json
from dataclasses import dataclass
from typing import Any

from keypool_client.wire.urls import Route


@dataclass
class Facts:
    model: str | None
    stream: bool
    stateless: bool


def facts(route: Route, body: bytes | None) -> Facts:
    told: Any = {}
    if body:
        try:
            told = json.loads(body)
        except ValueError:
            told = {}
    if not isinstance(told, dict):
        told = {}
    return Facts(route.model or told.get("model"), told.get("stream") is True, route.call is not None)


def wrong_with(content_type: str, body: bytes) -> str | None:
    if "json" not in content_type:
        return "no JSON"
    try:
        json.loads(body)
    except ValueError:
        return "cut JSON"
    return None


@dataclass
class Failed:
    body: bytes


class Opening:
    def __init__(self, _: str) -> None:
        self._seen = b""

    def feed(self, data: bytes) -> "Failed | bool":
        self._seen += data
        if b'"error"' in self._seen and b"\n\n" in self._seen:
            return Failed(self._seen.partition(b"data: ")[2].partition(b"\n\n")[0])
        return b'"content":"' in self._seen and b"\n\n" in self._seen


class Ending:
    def __init__(self, _: str) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-100:]

    @property
    def clean(self) -> bool:
        return b"[DONE]" in self._tail

    def broken(self, _: str) -> bytes:
        return b'data: {"error": {"message": "cut", "code": "keypool_broken_stream"}}\n\n'
