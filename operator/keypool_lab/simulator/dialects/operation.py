"""What a dialect consists of: operations, answers in its shape, and how it words what is wrong."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from aiohttp import web

from keypool_lab.simulator.limits import Taken

Body = Mapping[str, Any]


class Malformed(Exception):
    """The request's body is not what the operation takes; the message names the field, never its value."""


class Trouble(StrEnum):
    """Why a request is refused."""

    INVALID_KEY = "invalid key"
    EXPIRED_KEY = "expired key"
    NO_SCOPE = "no scope"
    RATE_LIMITED = "rate limited"
    EXHAUSTED = "exhausted"
    BAD_REQUEST = "bad request"
    INTERNAL = "internal"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not served.

    `detail` is the field that is wrong, or the scope or model that is concerned. `wait` is what Retry-After says, None
    for nothing. `limit` is the limit of requests a minute that was reached.
    """

    trouble: Trouble
    detail: str = ""
    wait: str | None = None
    limit: int = 0


@dataclass(slots=True)
class Answer:
    """What goes back: a body, or a stream of events where `events` says so."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    events: Sequence[bytes] | None = None
    content_type: str = "application/json"

    @classmethod
    def json(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> "Answer":
        """A JSON body."""
        return cls(status, dict(headers or {}), compact(value))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for. `prompt` are its texts, `pieces` the reply as a stream cuts it."""

    model: str
    prompt: tuple[str, ...]
    pieces: tuple[str, ...]
    stream: bool
    usage: bool
    id: str
    created: int

    @property
    def text(self) -> str:
        """The whole reply."""
        return "".join(self.pieces)

    @property
    def spent(self) -> tuple[int, int]:
        """Tokens of the prompt and of the reply: words."""
        return sum(len(text.split()) for text in self.prompt), len(self.text.split())


class Dialect(Protocol):
    """How a dialect carries a key, and how it words refusals."""

    name: str

    def credential(self, request: web.Request) -> str:
        """The key that came with a request, "" for none."""

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """A refusal in the dialect's own shape."""

    def headers(self, request_id: str, taken: Taken) -> dict[str, str]:
        """The headers of an answer that is served: the request's id, and what is left of the limits."""

    def broken(self) -> bytes:
        """The event that tells of an error in the middle of a stream."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API.

    `scope` is what the key must be good for. `read` gives (model, texts, whether to stream, whether the stream tells
    its usage) or raises Malformed. `whole` is the answer's JSON, `events` the stream's, where it can be streamed.
    """

    dialect: Dialect
    scope: str
    read: Callable[[web.Request, Body], tuple[str, tuple[str, ...], bool, bool]]
    whole: Callable[[Asked], object]
    events: Callable[[Asked], list[bytes]] | None = None
    stream_type: str = "text/event-stream; charset=utf-8"


def compact(value: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def data_event(value: object) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + compact(value) + b"\n\n"


def named_event(value: Mapping[str, object]) -> bytes:
    """A server-sent event that is named after the type of what it carries."""
    return f"event: {value['type']}\ndata: ".encode() + compact(value) + b"\n\n"


def text_of(content: object) -> str:
    """The text of a message: a string, or parts of which some have a text."""
    if isinstance(content, str):
        return content
    parts: Iterable[object] = content if isinstance(content, list) else ()
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def texts(body: Body, name: str, inside: str) -> tuple[str, ...]:
    """The texts of a list of messages. Raises Malformed."""
    messages = body.get(name)
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise Malformed(f"{name}: a list of messages is required")
    return tuple(text_of(message.get(inside)) for message in messages)


def model_of(body: Body) -> str:
    """The model. Raises Malformed."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Malformed("model: Field required")
    return model


def bearer(request: web.Request) -> str:
    """The credential in `Authorization: Bearer …`, "" when there is none."""
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""
