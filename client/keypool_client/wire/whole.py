"""Whether an answer that was read whole may be believed: JSON where JSON is due, and all of it."""

import json
import re
import zlib
from enum import StrEnum
from typing import NamedTuple

ANSWER_HELD = 1024 * 1024
"""Bytes: a larger answer is passed on as it comes; a cut is a broken transfer then."""
PARSED = 256 * 1024
"""Bytes: a larger one is looked at by its first and last byte."""
UNPACKED = 1024 * 1024
"""Bytes: so much of a compressed answer is unpacked to look at it."""
LAYERS = 2
_STATE = 64 * 1024
"""Bytes: what zlib needs for itself."""
BLANK = b" \t\r\n"
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
    found = beginning(body, encoding)
    if isinstance(found, Flaw):
        return found
    if found.more:
        return _flaw_in_beginning(found.text.lstrip(BLANK))
    return _flaw_in_text(found.text.strip(BLANK), content_type)


class Beginning(NamedTuple):
    """A body without its compression, as far as it was unpacked."""

    text: bytes
    more: bool
    """There is more of it."""


def beginning(body: bytes, encoding: str, most: int = UNPACKED) -> Beginning | Flaw:
    """The body without its compression, for those who look into it; it is passed on as it came."""
    names = _names(encoding)
    if len(names) > LAYERS or not _UNPACKABLE.issuperset(names):
        return Flaw.ENCODING
    more = False
    for _ in names:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32)  # it sees which of the two formats it is
        try:
            body = unpacker.decompress(body, most + 1)
        except zlib.error:
            return Flaw.CUT
        if not (unpacker.eof or more or len(body) > most):
            return Flaw.CUT
        more = more or len(body) > most
    return Beginning(body, more)


def room(body: bytes, encoding: str) -> int:
    """Bytes that `flaw_in` may take beside the body to unpack it: for what comes out of each layer, for putting that
    together, and for what was not unpacked."""
    names = _names(encoding)
    return (UNPACKED + _STATE) * (min(len(names), LAYERS) + 1) + len(body) if names else 0


def _names(encoding: str) -> list[str]:
    return [name for part in encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]


def _flaw_in_beginning(text: bytes) -> Flaw | None:
    """Of an answer too large to be looked at as a whole: whether it is whole is told by the transfer alone."""
    if not text or text[:1] in _ENDS:
        return None
    return Flaw.HTML if text[:1] == b"<" else Flaw.NOT_JSON


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
