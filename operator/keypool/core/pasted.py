"""What people store by mistake where one credential, or one key's value, belongs. Purely computational."""

import re

_BYTE_ORDER_MARK = "\ufeff"
_SCHEME = re.compile(r"(authorization\s*:|(bearer|basic)\s)", re.IGNORECASE)
_QUOTES = "\"'`"


def mistake_in(text: str) -> str | None:
    """What keeps a text, without the white space around it, from being a credential; told without a part of it."""
    if not text:
        return "is empty"
    if text.startswith(_BYTE_ORDER_MARK):
        return "begins with a byte order mark: store it as UTF-8 without one"
    if (lines := len(text.splitlines())) > 1:
        return f"has {lines} lines: store the credential there alone, on one line"
    if _SCHEME.match(text):
        return 'begins with a scheme, such as "Bearer": store the credential without it, which keypool adds'
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        return "stands in quotation marks: store it without them"
    odd = next((place for place, each in enumerate(text, 1) if not (each.isprintable() and each.isascii())), None)
    return f"holds a character that is not printable ASCII, as number {odd} of {len(text)}" if odd is not None else None
