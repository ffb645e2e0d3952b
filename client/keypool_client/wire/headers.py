"""The headers that are sent on, and those that come back."""

import re
from collections.abc import Iterable

from keypool_client.model import Dialect, Key
from keypool_client.wire.guard import CREDENTIALS

Headers = Iterable[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
ORGANIZATION = frozenset({"openai-organization", "openai-project"})
"""They name the organization of the application's own key, which is not that of the pool's."""
# Host and the length follow from the URL and the body that are sent; the relay has answered Expect itself.
_NOT_SENT = HOP_BY_HOP | CREDENTIALS | {"cookie", "host", "content-length", "expect", "accept-encoding"}
# Alt-Svc would lead the client past the relay.
_NOT_RETURNED = HOP_BY_HOP | {"set-cookie", "content-length", "alt-svc"}
OURS = "x-keypool-"
BEARER_SINCE = "2026-10-21"
"""The version of Anthropic's API from which on the key is a bearer token."""
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
_TAKES_GZIP = re.compile(r"(?:gzip|\*)(?!\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BROWSERS_KEY = "openai-insecure-api-key."
_BROWSERS_ORGANIZATION = ("openai-organization.", "openai-project.")


def outgoing(
    headers: Headers, dialect: Dialect, key: Key, *, stream: bool = False, keep_organization: bool = False
) -> list[tuple[str, str]]:
    """What goes to the provider: with the dialect's credential header, without any other one.

    Host and Content-Length are the caller's to set.
    """
    given = list(headers)
    removed = _NOT_SENT if keep_organization else _NOT_SENT | ORGANIZATION
    sent = _without(given, removed)
    return [*sent, credential(dialect, key, given), ("Accept-Encoding", _encoding(given, stream=stream))]


def upgrade(headers: Headers, key: Key, *, keep_organization: bool = False) -> list[tuple[str, str]]:
    """What opens the tunnel: as above, with the request for a WebSocket; keys in its subprotocols are removed."""
    sent = outgoing(headers, "openai", key, keep_organization=keep_organization)
    protocols = [pair for pair in sent if pair[0].lower() == "sec-websocket-protocol"]
    kept = ", ".join(_protocols(protocols, keep_organization=keep_organization))
    removed = frozenset({"accept-encoding", "sec-websocket-protocol"})
    asked = [("Sec-WebSocket-Protocol", kept)] if kept else []
    return [*_without(sent, removed), *asked, ("Connection", "Upgrade"), ("Upgrade", "websocket")]


def returned(headers: Headers) -> list[tuple[str, str]]:
    """What goes back to the client. Content-Length is the caller's to set."""
    kept = _without(list(headers), _NOT_RETURNED)
    if _CONTROLS.search("".join(value for _, value in kept)):
        return [(name, plain(value)) for name, value in kept]
    return kept


def plain(text: str) -> str:
    """Without control characters, which some servers send and none may: the answer could not be written with them."""
    return _CONTROLS.sub(" ", text)


def credential(dialect: Dialect, key: Key, headers: Headers) -> tuple[str, str]:
    """The header in which the dialect carries its key."""
    if dialect == "gemini":
        return "x-goog-api-key", key.value
    if dialect == "azure":
        return "api-key", key.value
    if dialect == "anthropic" and _anthropic_version(headers) < BEARER_SINCE:
        return "x-api-key", key.value
    return "Authorization", f"Bearer {key.value}"


def _anthropic_version(headers: Headers) -> str:
    """Dates in this spelling sort as texts. What is no date is taken for the first version, as Anthropic does."""
    told = [value.strip() for name, value in headers if name.lower() == "anthropic-version"]
    return told[-1] if told and _VERSION.fullmatch(told[-1]) else ""


def _without(headers: list[tuple[str, str]], removed: frozenset[str]) -> list[tuple[str, str]]:
    """Without those, those that Connection names, and keypool's own."""
    lowered = [name.lower() for name, _ in headers]
    if "connection" in lowered:
        removed |= _named_by_connection(
            value for (_, value), name in zip(headers, lowered, strict=True) if name == "connection"
        )
    pairs = zip(headers, lowered, strict=True)
    return [pair for pair, name in pairs if name not in removed and not name.startswith(OURS)]


def _named_by_connection(values: Iterable[str]) -> frozenset[str]:
    return frozenset(each.strip().lower() for value in values for each in value.split(","))


def _encoding(headers: list[tuple[str, str]], *, stream: bool) -> str:
    """Nothing that cannot be looked into: no compression of streams, and gzip alone of all else."""
    if stream:
        return "identity"
    accepted = ",".join(value for name, value in headers if name.lower() == "accept-encoding")
    return "gzip" if _TAKES_GZIP.search(accepted) else "identity"


def _protocols(headers: Headers, *, keep_organization: bool) -> list[str]:
    """Browsers, which can set no header, write credentials here."""
    removed = (_BROWSERS_KEY,) if keep_organization else (_BROWSERS_KEY, *_BROWSERS_ORGANIZATION)
    offered = [each.strip() for _, value in headers for each in value.split(",")]
    return [each for each in offered if each and not each.startswith(removed)]
