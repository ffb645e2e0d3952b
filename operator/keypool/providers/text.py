"""What of a provider's own words may stand in a message: short, escaped, and without anything that is secret.

Pure functions.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr
from pydantic_core import from_json

MAX_CHARS = 200
"""Of a provider's text at most this much is shown."""

_READ_CHARS = 1024
_WINDOW = 8
_TOKEN = re.compile(r"(?=[\w+/=.~-]*\d)[\w+/=.~-]{20,}", re.ASCII)
_HIDDEN = "[hidden]"


def error_text(body: bytes) -> str:
    """The message in a JSON error of one of the usual shapes, "" when there is none. Pages of HTML say nothing here."""
    try:
        parsed = from_json(body)
    except ValueError:
        return ""
    return _message(parsed) if isinstance(parsed, dict) else ""


def _message(parsed: dict[str, Any]) -> str:
    for part in (parsed.get("error"), parsed.get("detail"), parsed.get("message")):
        if isinstance(part, str):
            return part
        if isinstance(part, list) and part and isinstance(part[0], dict):
            where = part[0].get("loc")
            return ".".join(map(str, where if isinstance(where, list) else ())) + f": {part[0].get('msg')}"
        if isinstance(part, dict) and isinstance(part.get("message"), str):
            return str(part["message"])
    return ""


def excerpt(text: str, secrets: Iterable[SecretStr]) -> str:
    """`text` fit for a message: known secrets and parts of them hidden, as is what looks like one; escaped and cut."""
    shown = _TOKEN.sub(_HIDDEN, _without(text[:_READ_CHARS], secrets))
    escaped = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)
    return escaped if len(escaped) <= MAX_CHARS else escaped[: MAX_CHARS - 1] + "…"


def _without(text: str, secrets: Iterable[SecretStr]) -> str:
    """Hides every stretch of `text` that shares eight characters with a secret: providers like to show parts."""
    plain = [secret.get_secret_value() for secret in secrets]
    forms = [form for value in plain if value for form in {value, quote(value, safe="")}]
    covered = bytearray(len(text))
    for form in forms:
        width = min(_WINDOW, len(form))
        for start in range(len(text) - width + 1):
            if text[start : start + width] in form:
                covered[start : start + width] = b"\x01" * width
    pieces = re.finditer(rb"\x01+|\x00+", covered)
    return "".join(_HIDDEN if covered[piece.start()] else text[slice(*piece.span())] for piece in pieces)
