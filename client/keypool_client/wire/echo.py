"""The pool's key in what a provider says: an application that has no key is not to learn one from an error or a header.

Only the key that was sent is looked for: the provider knows no other from this request.
"""

import json
from functools import lru_cache
from urllib.parse import quote

from keypool_client.model import Key

Pairs = list[tuple[str, str]]
LEAST = 8
"""Characters: a shorter value is a word, such as `EMPTY` for a server that asks for no key. In its place, an id would
spoil what is said, or that it is JSON."""


@lru_cache(maxsize=64)
def _written(value: str) -> tuple[str, ...]:
    """As it is, as JSON may write it, and as it stands in a URL."""
    if len(value) < LEAST:
        return ()
    escaped = json.dumps(value)[1:-1]
    return tuple(dict.fromkeys((value, escaped, escaped.replace("/", "\\/"), quote(value, safe=""), quote(value))))


@lru_cache(maxsize=64)
def _encoded(value: str) -> tuple[bytes, ...]:
    return tuple(each.encode() for each in _written(value))


def without(data: bytes, key: Key) -> bytes:
    """The bytes with the key's public id in place of its value."""
    for each in _encoded(key.value):
        if each in data:
            data = data.replace(each, f"[{key.id}]".encode())
    return data


class Veil:
    """The same for what comes in pieces: what may be the beginning of the key waits for the piece after it."""

    def __init__(self, key: Key) -> None:
        self._key, self._waiting = key, b""

    def feed(self, piece: bytes) -> bytes:
        """What may be told now."""
        told = without(self._waiting + piece, self._key)
        at = len(told) - _beginning(told, self._key.value)
        self._waiting = told[at:]
        return told[:at]

    def end(self) -> bytes:
        """What waits, now that nothing comes any more."""
        waiting, self._waiting = self._waiting, b""
        return waiting


def _beginning(told: bytes, value: str) -> int:
    """How many of the last bytes may be the beginning of the key."""
    if told.endswith(b"\n"):  # as nearly all of a stream does, and no key has one
        return 0
    return max((n for each in _encoded(value) for n in range(1, len(each)) if told.endswith(each[:n])), default=0)


def text_without(text: str, key: Key) -> str:
    """The same for a text."""
    for each in _written(key.value):
        text = text.replace(each, f"[{key.id}]")
    return text


def headers_without(headers: Pairs, key: Key) -> Pairs:
    """The same for headers."""
    for each in _written(key.value):
        if any(each in value for _, value in headers):
            headers = [(name, value.replace(each, f"[{key.id}]")) for name, value in headers]
    return headers
