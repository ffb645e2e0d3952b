"""From a request's first line to a dialect, and to the URL at an endpoint. Path and query pass byte for byte."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from keypool_client.model import Dialect, Endpoint
from keypool_client.wire.calls import Call, Span, call_of, is_gemini
from keypool_client.wire.errors import Code, Refusal
from keypool_client.wire.guard import LOOKED_AT, fault_in_credentials, fault_in_sender
from keypool_client.wire.targets import Fault, fault_in

BASE_URLS: Mapping[Dialect, str] = {
    "openai": "http://127.0.0.1:PORT/v1",
    "anthropic": "http://127.0.0.1:PORT",
    "gemini": "http://127.0.0.1:PORT",
    "azure": "http://127.0.0.1:PORT",
}
"""What an SDK of each dialect is given as its base URL."""
SECRET_PARAMETERS = frozenset({"key", "api-key", "api_key", "access_token"})
"""Parts of a query in which SDKs send a key: removed. No value of a key ever stands in a URL."""
_GEMINI = re.compile(r"/(?:(?:upload|download)/v1|(?:(?:upload|download)/)?v1(?:alpha|beta)\d?)(?:/|$)")
_DOUBLED = ("/v1", "/v1beta", "/v1alpha", "/openai")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, at whatever endpoint."""

    dialect: Dialect
    tail: str
    """What follows the dialect's base URL."""
    query: str
    """With its question mark; empty where there is none. Without credentials."""
    call: Call | None
    """The inference call that it is; None for all else, such as files, batches and lists of models."""
    model_at: Span | None = None
    """Where the name of the model stands in the tail."""
    websocket: bool = False
    """The client asks for a tunnel: see `upgrade` of headers.py."""

    @property
    def model(self) -> str | None:
        """The model, where the path names it; else it stands in the body."""
        return None if self.model_at is None else unquote(self.tail[slice(*self.model_at)])

    def with_model(self, name: str) -> "Route":
        """The same with another model in the path."""
        if self.model_at is None:
            return self
        start, end = self.model_at
        written = quote(name, safe="")
        tail = self.tail[:start] + written + self.tail[end:]
        return replace(self, tail=tail, model_at=(start, start + len(written)))


def route(
    method: str, target: str, dialects: Container[Dialect], headers: Iterable[tuple[str, str]]
) -> Route | Refusal:
    """Where the request goes. `target` is the first line's second word as it came, not decoded, not normalized."""
    given = _grouped(headers)
    dialect, tail = _placed(target.partition("?")[0], given)
    # Who must not ask at all learns nothing else.
    if fault := fault_in_sender(given) or fault_in(method, target) or fault_in_credentials(given):
        return Refusal(*fault, dialect or "openai")
    if dialect is None:
        return Refusal(*_nowhere())
    if dialect not in dialects:
        return Refusal(*_not_spoken(dialect, dialects), dialect)
    websocket = _is_websocket(given)
    if websocket and (fault := _no_tunnel(method, dialect)):
        return Refusal(*fault, dialect)
    call, model_at = call_of(method, dialect, tail)
    return Route(dialect, tail, _query(target), call, model_at, websocket)


def url(where: Route, endpoint: Endpoint) -> str:
    """To be used as it is: `yarl.URL(…, encoded=True)`. KeyError where the endpoint does not speak the dialect."""
    base = endpoint.bases[where.dialect].rstrip("/")
    tail = where.tail
    for part in _DOUBLED:
        if base.endswith(part) and (tail == part or tail.startswith(f"{part}/")):
            tail = tail.removeprefix(part)
            break
    return f"{base}{tail}{where.query}"


def _grouped(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in headers:
        if (lowered := name.lower()) in LOOKED_AT:
            given.setdefault(lowered, []).append(value)
    return given


def _placed(path: str, headers: Mapping[str, Sequence[str]]) -> tuple[Dialect | None, str]:
    """The dialect, and what follows its base URL. Also asked of targets that are refused: their error has a dialect."""
    if _under(path, "/v1beta/openai"):  # Gemini's own base URL for OpenAI's SDKs
        return "openai", path.removeprefix("/v1beta/openai")
    if _GEMINI.match(path):
        return "gemini", path
    if _under(path, "/openai"):
        return "azure", path
    if _under(path, "/messages"):
        return "anthropic", f"/v1{path}"
    if not _under(path, "/v1"):
        return None, path
    if path.startswith("/v1/v1/"):  # an SDK that adds /v1 itself was given it as well
        path = path.removeprefix("/v1")
    return _versioned(path, headers)


def _versioned(path: str, headers: Mapping[str, Sequence[str]]) -> tuple[Dialect, str]:
    """Three vendors have a /v1. Lists of models and files have the same path, but not the same headers."""
    if is_gemini(path) or "x-goog-api-key" in headers:
        return "gemini", path
    if _under(path, "/v1/messages") or "anthropic-version" in headers:
        return "anthropic", path
    return "openai", path.removeprefix("/v1")


def _under(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")


def _query(target: str) -> str:
    _, mark, query = target.partition("?")
    if not mark or "=" not in query:
        return mark + query
    parts = query.split("&")
    kept = [part for part in parts if unquote(part.partition("=")[0]).lower() not in SECRET_PARAMETERS]
    return mark + query if len(kept) == len(parts) else "?" * bool(kept) + "&".join(kept)


def _is_websocket(headers: Mapping[str, Sequence[str]]) -> bool:
    return "websocket" in (value.strip().lower() for value in headers.get("upgrade", ()))


def _no_tunnel(method: str, dialect: Dialect) -> Fault | None:
    if dialect == "openai" and method == "GET":
        return None
    return (
        Code.UPGRADE_REFUSED,
        "WebSockets are tunnelled for OpenAI's dialect alone: use /v1/realtime or /v1/responses",
    )


def _not_spoken(dialect: Dialect, dialects: Container[Dialect]) -> Fault:
    spoken = [f"{each} (base URL {base})" for each, base in BASE_URLS.items() if each in dialects]
    told = f"this path is {dialect}'s, which the pool does not speak: it speaks {', '.join(spoken) or 'nothing'}"
    return Code.WRONG_DIALECT, f"{told}; spec.dialects of the provider says so"


def _nowhere() -> Fault:
    bases = ", ".join(f"{base} for {each}" for each, base in BASE_URLS.items())
    return Code.UNKNOWN_PATH, f"no dialect has this path; the base URLs are {bases}"
