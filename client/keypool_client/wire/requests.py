"""What a request's body says: the model, whether an event stream is wanted, whether any account could answer it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keypool_client.wire.calls import Call, Span
from keypool_client.wire.urls import Route

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes. A larger body is sent on as it comes, with one attempt, and nobody looks into it."""

# What makes an answer depend on the account: it stores something there, or it names what is stored there.
_STORED = (
    "store",
    "background",
    "previous_response_id",
    "conversation",
    "container",
    "cachedContent",
    "cached_content",
)
# A quote within a text is written \", so that this finds names of fields, never what somebody says about them.
_STORED_FILE = re.compile(rb'"(?:file_ids?|file_?[uU]ri|vector_store_ids?|container_id)"\s*:')
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the policy has to know, beside the route."""

    model: str | None = None
    stream: bool = False
    """The client wants an event stream."""
    stateless: bool = False
    """An inference POST that any account can answer, and that may be carried out twice."""
    repeatable: bool = False
    """It changes nothing: it may be carried out twice, in the same account."""


def may_be_held(content_type: str, length: int | None) -> bool:
    """Whether the body is read before it is sent on, so that it can be sent again. `length` is None where unknown."""
    uploads = content_type.strip().lower().startswith("multipart/")
    return not uploads and (length is None or 0 <= length <= BODY_LIMIT)


def asked(method: str, where: Route, body: bytes | None) -> Asked:
    """`body` is None where it is not held. One that is no JSON is the provider's to judge, and is never repeated."""
    stream = where.call is Call.STREAM_GENERATE
    told = None if body is None else _object(body)
    if body is None or told is None:
        return Asked(where.model, stream=stream, repeatable=method in ("GET", "HEAD"))
    return Asked(
        where.model or _model(told),
        stream=stream or told.get("stream") is True,
        stateless=where.call is not None and not _is_stored(where.call, told, body),
    )


def model_of(body: bytes) -> str | None:
    """The model that a JSON body names."""
    told = _object(body)
    return None if told is None else _model(told)


def with_model(body: bytes, name: str) -> bytes:
    """The body with another model; all else stays byte for byte. A body that names none stays as it is."""
    told = _object(body)
    if told is None or _model(told) is None:
        return body
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    parts, at = [], 0
    for start, end in _models(text):
        parts += [text[at:start], json.dumps(name)]
        at = end
    return "".join([*parts, text[at:]]).encode("utf-8", "surrogatepass")


def _object(body: bytes) -> dict[str, Any] | None:
    if len(body) > BODY_LIMIT:
        return None
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _model(told: Mapping[str, Any]) -> str | None:
    model = told.get("model")
    return model if isinstance(model, str) and model else None


def _is_stored(call: Call, told: Mapping[str, Any], body: bytes) -> bool:
    if any(told.get(name) for name in _STORED):
        return True
    # In the Responses API, `prompt` is one that is stored there; elsewhere it is a text.
    if call is Call.RESPONSES and told.get("prompt"):
        return True
    return _STORED_FILE.search(body) is not None


def _models(text: str) -> Iterator[Span]:
    """Where the values of the outer object's `model` stand, all of them: parsers differ in which one counts."""
    decode = json.JSONDecoder().raw_decode
    at = _after_space(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decode(text, at)
        start = _after_space(text, text.index(":", at) + 1)
        _, at = decode(text, start)
        if name == "model":
            yield start, at
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
