"""Anthropic's dialect: messages and the counting of tokens; errors as Anthropic words them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from keypool_lab.simulator.dialects.operation import (
    Answer,
    Asked,
    Body,
    Malformed,
    Operation,
    Refusal,
    Trouble,
    bearer,
    model_of,
    named_event,
    texts,
)
from keypool_lab.simulator.limits import Taken

_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase"
    " credits."
)
# Trouble → status, type, message
_ERRORS: Mapping[Trouble, tuple[int, str, str]] = {
    Trouble.INVALID_KEY: (401, "authentication_error", "invalid x-api-key"),
    Trouble.EXPIRED_KEY: (401, "authentication_error", "invalid x-api-key"),
    Trouble.NO_SCOPE: (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    Trouble.RATE_LIMITED: (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    Trouble.EXHAUSTED: (400, "invalid_request_error", _CREDIT),
    Trouble.BAD_REQUEST: (400, "invalid_request_error", "{0}"),
    Trouble.INTERNAL: (500, "api_error", "Internal server error"),
    Trouble.OVERLOADED: (529, "overloaded_error", "Overloaded"),
}


def _limit_headers(limit: int, left: int) -> dict[str, str]:
    return {
        "anthropic-ratelimit-requests-limit": str(limit),
        "anthropic-ratelimit-requests-remaining": str(left),
    }


class Anthropic:
    """A key comes as `x-api-key`, or as a bearer token."""

    name = "anthropic"

    def credential(self, request: web.Request) -> str:
        """The header's key, else the bearer token."""
        return request.headers.get("x-api-key") or bearer(request)

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """Anthropic's error object."""
        status, kind, message = _ERRORS[refusal.trouble]
        error = {"type": kind, "message": message.format(refusal.detail)}
        headers = _ids(request_id) | (_limit_headers(refusal.limit, 0) if refusal.limit else {})
        headers |= {"retry-after": refusal.wait} if refusal.wait is not None else {}
        return Answer.json({"type": "error", "error": error, "request_id": request_id}, status, headers)

    def headers(self, request_id: str, taken: Taken) -> dict[str, str]:
        """The request's id and what is left of the limits."""
        return _ids(request_id) | _limit_headers(taken.limit, taken.left)

    def broken(self) -> bytes:
        """An error in the middle of a stream: the one that is seen most."""
        _, kind, message = _ERRORS[Trouble.OVERLOADED]
        return named_event({"type": "error", "error": {"type": kind, "message": message}})


def _ids(request_id: str) -> dict[str, str]:
    return {"request-id": request_id, "x-request-id": request_id}


def _read(_: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    if not isinstance(body.get("max_tokens"), int):
        raise Malformed("max_tokens: Field required")
    return model_of(body), texts(body, "messages", "content"), bool(body.get("stream")), True


def _read_count(_: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    return model_of(body), texts(body, "messages", "content"), False, False


def _message(asked: Asked, content: list[dict[str, Any]], reason: str | None, reply: int) -> dict[str, Any]:
    usage = {"input_tokens": asked.spent[0], "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {
        "id": f"msg_{asked.id}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": reply},
    }


def _whole(asked: Asked) -> dict[str, Any]:
    return _message(asked, [{"type": "text", "text": asked.text}], "end_turn", asked.spent[1])


def _events(asked: Asked) -> list[bytes]:
    deltas = ({"type": "text_delta", "text": piece} for piece in asked.pieces)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": _message(asked, [], None, 1)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": asked.spent[1]}},
        {"type": "message_stop"},
    ]
    return [named_event(step) for step in steps]


def _count(asked: Asked) -> dict[str, int]:
    return {"input_tokens": asked.spent[0]}


ANTHROPIC = Anthropic()
MESSAGES = Operation(ANTHROPIC, "chat:write", _read, _whole, _events)
COUNT_TOKENS = Operation(ANTHROPIC, "chat:write", _read_count, _count)
