"""Whether an answer that was read whole may be believed: JSON where JSON is due, and all of it."""

import json
import re
import zlib
from enum import StrEnum

ANSWER_HELD = 1024 * 1024
"""Bytes: a larger answer is passed on as it comes; a cut is a broken transfer then."""
PARSED = 256 * 1024
"""Bytes: a larger one is looked at by its first and last byte."""
UNPACKED = 8 * 1024 * 1024
"""Bytes: what 1 MiB of compressed text may become."""
LAYERS = 2
_UNPACKABLE = frozenset({"gzip", "x-gzip", "deflate"})
_JSON = re.compile(r"application/(?:[\w.-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_STREAM = re.compile(r"text/event-stream\s*(?:;|$)", re.IGNORECASE)
_ENDS = {b"{": b"}", b"[": b"]"}


class Kind(StrEnum):
    """How an answer has to be treated."""

    STREAM = "stream"
    JSON = "json"
    OTHER = "other"


class Flaw(StrEnum):
    """Why an answer with a good status is none: a transient failure of whoever sent it."""

    CUT = "cut"
    """It is shorter than was said, or its text or compression has no end."""
    EMPTY = "empty"
    HTML = "html"
    """A page of a proxy, a firewall or a login."""
    NOT_JSON = "not-json"
    TOO_LARGE = "too-large-unpacked"
    """Compressed so much that unpacking it would take the memory."""
    ENCODING = "encoding"
    """Compressed in a way that was not asked for."""


def kind_of(content_type: str) -> Kind:
    """What the answer says it is."""
    told = content_type.strip()
    if _STREAM.match(told):
        return Kind.STREAM
    return Kind.JSON if _JSON.match(told) else Kind.OTHER


def flaw_in(
    content_type: str, body: bytes, *, encoding: str = "", length: int | None = None, due: bool = False
) -> Flaw | None:
    """What is wrong with the body of an answer that is a success and has one; None: nothing that can be seen.

    `length`: what Content-Length said. `due`: the call answers with JSON, whatever the answer says it is.
    """
    if length is not None and len(body) != length:
        return Flaw.CUT
    if not due and kind_of(content_type) is not Kind.JSON:
        return None
    text = plain(body, encoding)
    if isinstance(text, Flaw):
        return text
    return _flaw_in_text(text.strip(b" \t\r\n"), content_type)


def plain(body: bytes, encoding: str) -> bytes | Flaw:
    """The body without its compression, for those who look into it; it is passed on as it came."""
    names = [name for part in encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > LAYERS or not _UNPACKABLE.issuperset(names):
        return Flaw.ENCODING
    for _ in names:
        unpacked = _unpacked(body)
        if isinstance(unpacked, Flaw):
            return unpacked
        body = unpacked
    return body


def _unpacked(body: bytes) -> bytes | Flaw:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32)  # it sees which of the two formats it is
    try:
        text = unpacker.decompress(body, UNPACKED + 1)
    except zlib.error:
        return Flaw.CUT
    if len(text) > UNPACKED:
        return Flaw.TOO_LARGE
    return text if unpacker.eof else Flaw.CUT


def _flaw_in_text(text: bytes, content_type: str) -> Flaw | None:
    if not text:
        return Flaw.EMPTY
    if kind_of(content_type) is not Kind.JSON and text[:1] == b"<":
        return Flaw.HTML
    if len(text) > PARSED:
        return _flaw_in_frame(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return Flaw.HTML if text[:1] == b"<" else _flaw_in_frame(text) or Flaw.NOT_JSON
    return None


def _flaw_in_frame(text: bytes) -> Flaw | None:
    """JSON answers are objects or lists; one that begins so and does not end so was cut."""
    if (end := _ENDS.get(text[:1])) is None:
        return Flaw.NOT_JSON
    return None if text.endswith(end) else Flaw.CUT
