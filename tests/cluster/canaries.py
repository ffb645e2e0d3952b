"""Looks for secret values where none may be, also encoded."""

import base64
from collections.abc import Iterable, Mapping

SHORTEST = 12
"""Characters that an encoded piece must have to tell anything."""


def forms(value: str) -> set[bytes]:
    """A value as it could be written somewhere: plain, in hex, in UTF-16, in base64 wherever it begins there."""
    raw = value.encode()
    return {raw, raw.hex().encode(), value.encode("utf-16-le"), *_in_base64(raw)}


def _in_base64(raw: bytes) -> set[bytes]:
    """Base64 looks different at each of three offsets; what depends on the neighbours is cut off."""
    found = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        inner = encoded[-(-offset * 8 // 6) : len(encoded.rstrip(b"=")) - 1]
        found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    assert all(len(piece) >= SHORTEST for piece in found)
    return found


def leaks(values: Iterable[str], places: Mapping[str, bytes]) -> set[str]:
    """The places where one of the values stands in any form; says nothing of the value."""
    wanted = [form for value in values for form in forms(value)]
    return {place for place, content in places.items() if any(form in content for form in wanted)}
