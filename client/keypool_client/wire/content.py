"""What an event of each dialect is: nothing yet, content, or an error."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keypool_client.model import Dialect
from keypool_client.wire.sse import Event

NOTHING, CONTENT = "nothing", "content"
Seen = str | bytes
"""NOTHING, CONTENT, or the body that the error would have as an answer of its own."""

_SIGNS_OF_LIFE = frozenset({b"ping", b"keepalive", b"keep-alive", b"heartbeat"})
# A response that began, and shells in which deltas will come.
_BEGINNINGS = frozenset(
    {
        *("response.created", "response.in_progress", "response.queued"),
        *("response.output_item.added", "response.content_part.added", "response.reasoning_summary_part.added"),
        *("message_start", "ping"),
    }
)
_SHELLS = frozenset({"text", "thinking", "tool_use", "server_tool_use"})
"""Blocks of Anthropic's that begin empty; others, such as results of a search, come whole."""
_NAMES = frozenset({"role", "id", "index", "type"})
"""Parts of an OpenAI delta that say nothing yet."""


def seen(dialect: Dialect, event: Event) -> Seen:
    """What the event is. Data that is no JSON is an error: every SDK of the dialect would fail on it."""
    if event.name in _SIGNS_OF_LIFE:
        return NOTHING
    try:
        told = json.loads(event.data) if event.data.strip() else None
    except (ValueError, RecursionError):
        return CONTENT if event.data.startswith(b"[DONE]") else event.data
    if not isinstance(told, dict):
        return NOTHING
    return _failure(event, told) or _BY_DIALECT[dialect](told)


def _failure(event: Event, told: Mapping[str, Any]) -> bytes | None:
    """An error has the same fields in an event as in an answer, but for OpenAI's Responses: there it is flat."""
    if told.get("error"):
        return event.data
    kind = told.get("type")
    if kind == "error" or event.name == b"error":
        names = ("type", "code", "message", "param")
        return json.dumps({"error": {name: told[name] for name in names if name in told}}).encode()
    response = told.get("response")
    if kind == "response.failed" and isinstance(response, dict):
        return json.dumps({"error": response.get("error")}).encode()
    return None


def _openai(told: Mapping[str, Any]) -> Seen:
    kind = told.get("type")
    if isinstance(kind, str) and kind:  # the Responses API, whose events have a type
        return NOTHING if kind in _BEGINNINGS else CONTENT
    return CONTENT if any(_is_filled(choice) for choice in _listed(told.get("choices"))) else NOTHING


def _is_filled(choice: Mapping[str, Any]) -> bool:
    if choice.get("finish_reason") or choice.get("text"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name not in _NAMES)


def _anthropic(told: Mapping[str, Any]) -> Seen:
    kind = told.get("type")
    if kind in _BEGINNINGS:
        return NOTHING
    block = told.get("content_block")
    if kind == "content_block_start" and isinstance(block, dict):
        return NOTHING if block.get("type") in _SHELLS and not block.get("text") else CONTENT
    return CONTENT


def _gemini(told: Mapping[str, Any]) -> Seen:
    if told.get("promptFeedback"):
        return CONTENT
    return CONTENT if any(_is_said(each) for each in _listed(told.get("candidates"))) else NOTHING


def _is_said(candidate: Mapping[str, Any]) -> bool:
    if candidate.get("finishReason"):
        return True
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return any(value for part in _listed(parts) for value in part.values())


def _listed(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else ()


_BY_DIALECT: Mapping[Dialect, Callable[[Mapping[str, Any]], Seen]] = {
    "openai": _openai,
    "azure": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
