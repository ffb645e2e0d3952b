"""Whether a request's target may be sent on at all: byte for byte, or not."""

import re
from urllib.parse import unquote

from keypool_client.wire.errors import Code

TARGET_LIMIT = 8000
"""Bytes: what HTTP asks every server to take. Prompts stand in bodies."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SPELLING = re.compile(r"(?:[!$&'()*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z{|}~\"]|%[0-9A-Fa-f]{2})+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

Fault = tuple[Code, str]


def fault_in(method: str, target: str) -> Fault | None:
    """What is wrong with the first line of a request. Servers normalize such paths each in its own way."""
    if method == "CONNECT" or not target.startswith("/"):
        return Code.BAD_TARGET, "this is no proxy: send a path such as /v1/chat/completions, without scheme and host"
    if method not in METHODS:
        return Code.BAD_METHOD, f"the method is none of {', '.join(sorted(METHODS))}"
    if len(target) > TARGET_LIMIT:
        return Code.TARGET_TOO_LONG, f"path and query are longer than {TARGET_LIMIT} bytes: send text in the body"
    if not _SPELLING.fullmatch(target):
        return Code.BAD_TARGET, "path or query holds a character to be written as %XX, or a % that is none"
    return _fault_in_path(target.partition("?")[0])


def _fault_in_path(path: str) -> Fault | None:
    if "//" in path:
        return Code.BAD_TARGET, "the path holds //: perhaps the base URL ends in a slash that is to be left out"
    if "%" not in path and "/." not in path:
        return None
    # Twice, since a gateway on the way may decode once more than the provider does.
    for _ in range(2):
        path = unquote(path, errors="replace")
        if "\\" in path or _CONTROLS.search(path):
            return Code.BAD_TARGET, "the path holds a backslash or a control character, if written as %XX"
        if not {".", ".."}.isdisjoint(path.split("/")):
            return (
                Code.BAD_TARGET,
                "the path holds the segment . or .., if written as %XX: write the path that is meant",
            )
    return None
