"""Where the store is: a URL without a password."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

FORM = "must be a URL such as rediss://valkey.example.com:6379/0, of a Redis or Valkey server"


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a database in it."""

    host: str
    port: int
    database: int
    user: str | None
    tls: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(text: str) -> Address | None:
    """None for an empty text. Raises ValueError, without the text: somebody may have put a password into it."""
    if not text:
        return None
    try:
        parts = urlsplit(text[:1000])
        port = parts.port
    except ValueError:
        raise ValueError(FORM) from None
    if parts.password is not None:
        raise ValueError(f"must hold no password: name its file in KEYPOOL_RELAY_SHARE_PASSWORD_FILE; it {FORM}")
    database = re.fullmatch(r"/?([0-9]{0,4})", parts.path)
    odd = parts.query or parts.fragment or port == 0 or len(text) > 1000
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or database is None or odd:
        raise ValueError(FORM)
    if find_spec("redis") is None:
        raise ValueError("needs a library: pip install 'keypool-client[relay,share]'")
    user = unquote(parts.username) if parts.username else None
    return Address(parts.hostname, port or 6379, int(database[1] or "0"), user, parts.scheme == "rediss")
