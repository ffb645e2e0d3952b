"""What of a provider's own words may stand in a message: short, escaped, and without anything that is secret.

Pure functions.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

from pydantic import SecretStr
from pydantic_core import from_json

MAX_CHARS = 200
"""Of a provider's text at most this much is shown."""

_READ_CHARS = 1024
_WINDOW = 8
_LEAST = 6
"""Letters and digits of a secret that are looked for without what stands between them: fewer would hide words."""
_TOKEN = re.compile(r"(?=[\w+/=.~-]*\d)[\w+/=.~-]{20,}", re.ASCII)
_HIDDEN = "[hidden]"
MAX_CODE = 0x10FFFF


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
    """Hides every stretch of `text` that shares eight characters with a secret: providers like to show parts. The same
    for eight letters and digits, however they are written: with spaces, escaped, over several lines."""
    plain = [value for secret in secrets if (value := secret.get_secret_value())]
    covered = bytearray(len(text))
    exact = [(char, at, at + 1) for at, char in enumerate(text)]
    for form in {form for value in plain for form in (value, quote(value, safe="", errors="replace"))}:
        _cover(covered, exact, form)
    bare = {form for value in plain for form in _forms(value) if len(form) >= _LEAST}
    for read in _readings(text) if bare else ():
        for form in bare:
            _cover(covered, read, form)
    pieces = re.finditer(rb"\x01+|\x00+", covered)
    return "".join(_HIDDEN if covered[piece.start()] else text[slice(*piece.span())] for piece in pieces)


def _forms(value: str) -> set[str]:
    """What is looked for: the value, itself and in base64 and hexadecimal, as letters and digits alone."""
    raw = value.encode("utf-8", "surrogatepass")
    codes = [b64encode(raw[start:]).decode() for start in range(min(3, len(raw)))]
    return {bare for form in (value, raw.hex(), *codes) if (bare := _bare(form))}


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, normalize("NFKC", text).casefold()))


_Read = list[tuple[str, int, int]]
"""Letters and digits that a text may be read as, each with where it stands there: from, to."""


def _readings(text: str) -> tuple[_Read, ...]:
    """As it is, with what is escaped undone, and backwards: in each, all that is no letter or digit is passed over."""
    plain, undone = _letters(text, _SINGLE), _letters(text, _ESCAPED)
    return plain, undone, plain[::-1]


_SINGLE = re.compile(r".", re.DOTALL)
_ESCAPED = re.compile(
    r"%(?P<percent>[0-9A-Fa-f]{2})|\\u(?P<unit>[0-9A-Fa-f]{4})|\\x(?P<byte>[0-9A-Fa-f]{2})|&\#(?P<number>[0-9]{1,6});"
    r"|&\#[xX](?P<hexed>[0-9A-Fa-f]{1,5});|\\[nrtbf]|.",
    re.DOTALL,
)


def _letters(text: str, pattern: re.Pattern[str]) -> _Read:
    return [
        (char, found.start(), found.end())
        for found in pattern.finditer(text)
        for char in _bare(_meant(found.group(), found.lastgroup, found[found.lastgroup] if found.lastgroup else ""))
    ]


def _meant(whole: str, kind: str | None, digits: str) -> str:
    if kind is None:
        return whole if len(whole) == 1 else ""
    code = int(digits, 10 if kind == "number" else 16)
    return chr(code) if code <= MAX_CODE else ""


def _cover(covered: bytearray, read: _Read, form: str) -> None:
    letters, width = "".join(char for char, _, _ in read), min(_WINDOW, len(form))
    for at in range(len(letters) - width + 1):
        if letters[at : at + width] in form:
            ends = [end for _, *span in read[at : at + width] for end in span]
            covered[min(ends) : max(ends)] = b"\x01" * (max(ends) - min(ends))
