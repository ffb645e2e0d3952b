"""OpenAI's dialect: chat completions, completions, embeddings and models; errors as OpenAI words them."""

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
    data_event,
    model_of,
    texts,
)
from keypool_lab.simulator.limits import Taken

DONE = b"data: [DONE]\n\n"
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_SERVER = "The server had an error while processing your request. Sorry about that!"
_SCOPES = "You have insufficient permissions for this operation. Missing scopes: {0}."
# Trouble → status, type, code, message
_ERRORS: Mapping[Trouble, tuple[int, str, str | None, str]] = {
    Trouble.INVALID_KEY: (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-****."),
    Trouble.EXPIRED_KEY: (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-****."),
    Trouble.NO_SCOPE: (401, "invalid_request_error", None, _SCOPES),
    Trouble.RATE_LIMITED: (429, "requests", "rate_limit_exceeded", "Rate limit reached on requests per min (RPM)."),
    Trouble.EXHAUSTED: (429, "insufficient_quota", "insufficient_quota", _QUOTA),
    Trouble.BAD_REQUEST: (400, "invalid_request_error", None, "{0}"),
    Trouble.INTERNAL: (500, "server_error", None, _SERVER),
    Trouble.OVERLOADED: (503, "server_error", None, "The engine is currently overloaded, please try again later."),
}


_HOLYSHEEP_STATUS = {Trouble.NO_SCOPE: 403, Trouble.BAD_REQUEST: 422, Trouble.EXHAUSTED: 402}
_HOLYSHEEP_MESSAGES: Mapping[Trouble, str] = {
    Trouble.INVALID_KEY: "Invalid API key",
    Trouble.EXPIRED_KEY: "Key has expired",
    Trouble.NO_SCOPE: "The key lacks the scope {0}",
    Trouble.RATE_LIMITED: "Rate limit exceeded",
    Trouble.EXHAUSTED: "Insufficient Balance",
    Trouble.BAD_REQUEST: "{0}",
    Trouble.INTERNAL: "Internal error",
    Trouble.OVERLOADED: "Internal error",
}


def error(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Status and body of a refusal."""
    status, kind, code, message = _ERRORS[refusal.trouble]
    body = {"message": message.format(refusal.detail), "type": kind, "param": None, "code": code}
    return status, {"error": body}


def limit_headers(taken: Taken) -> dict[str, str]:
    """What is left of a minute's requests."""
    return {
        "x-ratelimit-limit-requests": str(taken.limit),
        "x-ratelimit-remaining-requests": str(taken.left),
    }


class OpenAI:
    """A key comes as a bearer token."""

    name = "openai"

    def credential(self, request: web.Request) -> str:
        """The bearer token."""
        return bearer(request)

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """OpenAI's error object."""
        status, body = error(refusal)
        return Answer.json(body, status, {"x-request-id": request_id, **waiting(refusal)})

    def headers(self, request_id: str, taken: Taken) -> dict[str, str]:
        """The request's id and what is left of the limits."""
        return {"x-request-id": request_id, **limit_headers(taken)}

    def broken(self) -> bytes:
        """An error in the place of a chunk."""
        return data_event(error(Refusal(Trouble.INTERNAL))[1])


class HolySheep(OpenAI):
    """HolySheep speaks OpenAI's dialect; its errors are a message alone. That it has no credit left, it says as
    DeepSeek does, whose models it sells: its own documentation has no word for it."""

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """An error object with a message alone."""
        status = _HOLYSHEEP_STATUS.get(refusal.trouble, _ERRORS[refusal.trouble][0])
        message = _HOLYSHEEP_MESSAGES[refusal.trouble].format(refusal.detail)
        return Answer.json({"error": {"message": message}}, status, {"x-request-id": request_id, **waiting(refusal)})


def waiting(refusal: Refusal) -> dict[str, str]:
    """When to come again."""
    limit = {"x-ratelimit-limit-requests": str(refusal.limit), "x-ratelimit-remaining-requests": "0"}
    return ({"Retry-After": refusal.wait} if refusal.wait is not None else {}) | (limit if refusal.limit else {})


def _read_chat(_: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    options = body.get("stream_options")
    usage = isinstance(options, dict) and bool(options.get("include_usage"))
    return model_of(body), texts(body, "messages", "content"), bool(body.get("stream")), usage


def _read_prompt(_: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    return model_of(body), _strings(body, "prompt"), bool(body.get("stream")), False


def _read_input(_: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    return model_of(body), _strings(body, "input"), False, False


def _read_nothing(_: web.Request, __: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    return "", (), False, False


def _strings(body: Body, name: str) -> tuple[str, ...]:
    given = body.get(name)
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise Malformed(f"{name}: a text or a list of texts is required")
    return tuple(found)


def usage(asked: Asked) -> dict[str, int]:
    """The tokens of a request."""
    prompt, completion = asked.spent
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def chat(asked: Asked) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": asked.text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_head(asked, "chat.completion"), "choices": [choice], "usage": usage(asked)}


def chat_events(asked: Asked) -> list[bytes]:
    """A chat completion in chunks: the role, the words, the reason to finish, the usage if asked for, the end."""
    head = _head(asked, "chat.completion.chunk")
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in asked.pieces]
    deltas.append(({}, "stop"))
    chunks = [
        data_event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]})
        for delta, reason in deltas
    ]
    last = [data_event({**head, "choices": [], "usage": usage(asked)})] if asked.usage else []
    return [*chunks, *last, DONE]


def _completion(asked: Asked) -> dict[str, Any]:
    choice = {"index": 0, "text": asked.text, "logprobs": None, "finish_reason": "stop"}
    return {**_head(asked, "text_completion"), "choices": [choice], "usage": usage(asked)}


def _completion_events(asked: Asked) -> list[bytes]:
    head, last = _head(asked, "text_completion"), len(asked.pieces) - 1
    reasons = [None if number < last else "stop" for number in range(last + 1)]
    choices = [
        {"index": 0, "text": piece, "logprobs": None, "finish_reason": reason}
        for piece, reason in zip(asked.pieces, reasons, strict=True)
    ]
    return [*(data_event({**head, "choices": [choice]}) for choice in choices), DONE]


def _embeddings(asked: Asked) -> dict[str, Any]:
    data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(asked.prompt)]
    spent = asked.spent[0]
    return {
        "object": "list",
        "model": asked.model,
        "data": data,
        "usage": {"prompt_tokens": spent, "completion_tokens": 0, "total_tokens": spent},
    }


def _models(_: Asked) -> dict[str, Any]:
    names = ("deepseek-chat", "deepseek-reasoner")
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulator"} for name in names],
    }


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{asked.id}", "object": kind, "created": asked.created, "model": asked.model}


OPENAI, HOLYSHEEP = OpenAI(), HolySheep()
CHAT = Operation(OPENAI, "chat:write", _read_chat, chat, chat_events)
COMPLETIONS = Operation(OPENAI, "chat:write", _read_prompt, _completion, _completion_events)
EMBEDDINGS = Operation(OPENAI, "embeddings:write", _read_input, _embeddings)
MODELS = Operation(OPENAI, "", _read_nothing, _models)
