"""Who may ask: programs of this pod, never a page in somebody's browser."""

import re
from collections.abc import Mapping, Sequence

from keypool_client.wire.errors import Code
from keypool_client.wire.targets import Fault

CREDENTIALS = frozenset(
    {
        *("authorization", "x-api-key", "api-key", "x-goog-api-key"),  # the dialects' own
        *("x-litellm-api-key", "ocp-apim-subscription-key"),  # gateways'
    }
)
"""Headers in which an SDK sends its key. All are removed; only the dialect's own one is sent, with the pool's key."""
LOOKED_AT = CREDENTIALS | {"host", "origin", "upgrade", "anthropic-version"}
"""What decides whether a request is sent on, and where to."""
_HERE = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


def fault_in_sender(headers: Mapping[str, Sequence[str]]) -> Fault | None:
    """A page reaches loopback by a name that its owner points there, but it cannot choose Host or leave out Origin."""
    hosts = headers.get("host", ())
    if len(hosts) != 1 or not _HERE.fullmatch(hosts[0].strip()):
        return Code.FOREIGN_HOST, "the header Host has to be 127.0.0.1, localhost or [::1], with or without a port"
    if "origin" in headers:
        return Code.FOREIGN_ORIGIN, "requests with the header Origin are refused: no web page may use the pool's keys"
    return None


def fault_in_credentials(headers: Mapping[str, Sequence[str]]) -> Fault | None:
    """A page's simple request and a wrong link have no such header: it may hold anything, but not nothing."""
    for name in CREDENTIALS:
        for value in headers.get(name, ()):
            if _token(value):
                return None
    shown = "Authorization, x-api-key, x-goog-api-key or api-key"
    return (
        Code.NO_CREDENTIAL,
        f"send one of the headers {shown}; any text will do as the key, since keypool replaces it",
    )


def _token(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "basic") else value.strip()
