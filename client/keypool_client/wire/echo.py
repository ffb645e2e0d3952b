"""The pool's key in what a provider says: an application that has no key is not to learn one from an error or a header.

Only the key that was sent is looked for: the provider knows no other from this request.
"""

import json
from functools import lru_cache
from urllib.parse import quote

from keypool_client.model import Key

Pairs = list[tuple[str, str]]


@lru_cache(maxsize=64)
def _written(value: str) -> tuple[str, ...]:
    """As it is, as JSON may write it, and as it stands in a URL."""
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


def headers_without(headers: Pairs, key: Key) -> Pairs:
    """The same for headers."""
    for each in _written(key.value):
        if any(each in value for _, value in headers):
            headers = [(name, value.replace(each, f"[{key.id}]")) for name, value in headers]
    return headers
