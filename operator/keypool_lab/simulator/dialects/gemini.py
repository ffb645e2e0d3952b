"""Gemini's dialect: generateContent, streamGenerateContent, countTokens and embeddings; errors as Google words them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from keypool_lab.simulator.dialects.content import vector
from keypool_lab.simulator.dialects.operation import (
    Answer,
    Asked,
    Body,
    Malformed,
    Operation,
    Refusal,
    Trouble,
    bearer,
    compact,
    texts,
)
from keypool_lab.simulator.limits import Taken

_GOOGLE = "type.googleapis.com/google.rpc."
_METADATA = {"service": "generativelanguage.googleapis.com"}
_NOT_VALID = "API key not valid. Please pass a valid API key."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
# Trouble → code, status, reason in the details, message
_ERRORS: Mapping[Trouble, tuple[int, str, str | None, str]] = {
    Trouble.INVALID_KEY: (400, "INVALID_ARGUMENT", "API_KEY_INVALID", _NOT_VALID),
    Trouble.EXPIRED_KEY: (400, "INVALID_ARGUMENT", "API_KEY_INVALID", "API key expired. Please renew the API key."),
    Trouble.NO_SCOPE: (403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED", "Requests to this API are blocked."),
    Trouble.RATE_LIMITED: (429, "RESOURCE_EXHAUSTED", None, _QUOTA),
    Trouble.EXHAUSTED: (429, "RESOURCE_EXHAUSTED", None, _QUOTA),
    Trouble.BAD_REQUEST: (400, "INVALID_ARGUMENT", None, "{0}"),
    Trouble.INTERNAL: (500, "INTERNAL", None, "An internal error has occurred."),
    Trouble.OVERLOADED: (503, "UNAVAILABLE", None, "The model is overloaded. Please try again later."),
}


def _details(refusal: Refusal, reason: str | None, message: str) -> list[dict[str, Any]]:
    """Google's details; a limit of requests a minute says when to come again here, and not in a header."""
    if reason is not None:
        info = {"@type": f"{_GOOGLE}ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": _METADATA}
        return [info, {"@type": f"{_GOOGLE}LocalizedMessage", "locale": "en-US", "message": message}]
    if refusal.trouble is Trouble.RATE_LIMITED and refusal.wait is not None:
        return [_violation("PerMinute"), {"@type": f"{_GOOGLE}RetryInfo", "retryDelay": f"{refusal.wait}s"}]
    return [_violation("PerDay")] if refusal.trouble is Trouble.EXHAUSTED else []


def _violation(period: str) -> dict[str, Any]:
    metric = "generativelanguage.googleapis.com/generate_content_paid_tier_requests"
    violation = {"quotaMetric": metric, "quotaId": f"GenerateRequests{period}PerProjectPerModel"}
    return {"@type": f"{_GOOGLE}QuotaFailure", "violations": [violation]}


def error(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Status and body of a refusal."""
    code, status, reason, message = _ERRORS[refusal.trouble]
    said = message.format(refusal.detail)
    body: dict[str, Any] = {"code": code, "message": said, "status": status}
    if details := _details(refusal, reason, said):
        body["details"] = details
    return code, {"error": body}


class Gemini:
    """A key comes as `x-goog-api-key`, or as `key` in the query."""

    name = "gemini"

    def credential(self, request: web.Request) -> str:
        """The header's key, else the query's, else the bearer token."""
        return request.headers.get("x-goog-api-key") or request.query.get("key") or bearer(request)

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """Google's error object."""
        code, body = error(refusal)
        return Answer.json(body, code, {"x-request-id": request_id})

    def headers(self, request_id: str, taken: Taken) -> dict[str, str]:  # noqa: ARG002 (Gemini tells no limits)
        """The request's id."""
        return {"x-request-id": request_id}

    def broken(self) -> bytes:
        """An error in the place of a part of the answer."""
        return _event(error(Refusal(Trouble.OVERLOADED))[1])


def _event(value: object) -> bytes:
    return b"data: " + compact(value) + b"\r\n\r\n"


def _model(request: web.Request) -> str:
    return request.match_info["call"].rpartition(":")[0]


def _prompt(body: Body) -> tuple[str, ...]:
    contents = body.get("contents")
    listed = {"contents": contents if isinstance(contents, list) else [contents]}
    return texts(listed, "contents", "parts")


def _read(request: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    return _model(request), _prompt(body), False, True


def _read_stream(request: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    if request.query.get("alt") != "sse":
        raise Malformed("alt: this simulator streams with alt=sse alone")
    return _model(request), _prompt(body), True, True


def _read_embedding(request: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    return _model(request), texts({"content": [body.get("content")]}, "content", "parts"), False, False


def _usage(asked: Asked, reply: int) -> dict[str, int]:
    prompt = asked.spent[0]
    return {"promptTokenCount": prompt, "candidatesTokenCount": reply, "totalTokenCount": prompt + reply}


def _candidate(asked: Asked, text: str, end: bool, reply: int) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if end:
        candidate["finishReason"] = "STOP"
    usage = _usage(asked, reply)
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model, "responseId": asked.id}


def _whole(asked: Asked) -> dict[str, Any]:
    return _candidate(asked, asked.text, end=True, reply=asked.spent[1])


def _events(asked: Asked) -> list[bytes]:
    last = len(asked.pieces)
    return [_event(_candidate(asked, text, n == last, n)) for n, text in enumerate(asked.pieces or ("",), start=1)]


def _count(asked: Asked) -> dict[str, int]:
    return {"totalTokens": asked.spent[0]}


def _embedding(asked: Asked) -> dict[str, Any]:
    return {"embedding": {"values": vector(asked.prompt[0])}}


GEMINI = Gemini()
OPERATIONS: Mapping[str, Operation] = {
    "generateContent": Operation(GEMINI, "chat:write", _read, _whole),
    "streamGenerateContent": Operation(GEMINI, "chat:write", _read_stream, _whole, _events, "text/event-stream"),
    "countTokens": Operation(GEMINI, "chat:write", _read, _count),
    "embedContent": Operation(GEMINI, "embeddings:write", _read_embedding, _embedding),
}
