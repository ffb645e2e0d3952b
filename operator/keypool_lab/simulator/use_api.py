"""The side of the API that workloads use: chat completions and embeddings, authenticated with a key."""

import hashlib
import secrets
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from keypool_lab.simulator.answers import bearer, refuse, unprocessable
from keypool_lab.simulator.state import CONCERNS, STATE

Body = TypeVar("Body", bound=BaseModel)
Text = Annotated[str, Field(max_length=100_000)]


class Message(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Text


class ChatRequest(BaseModel):
    """Body of POST /chat/completions; streaming is not simulated."""

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: Literal[False] = False


class EmbeddingsRequest(BaseModel):
    """Body of POST /embeddings."""

    model: Annotated[str, Field(min_length=1)]
    input: Text | Annotated[list[Text], Field(min_length=1)]


def _refused(request: web.Request, scope: str) -> web.Response | None:
    state = request.app[STATE]
    key = state.by_value(bearer(request))
    if key:
        request[CONCERNS] = key.id
    problem = state.problem(key)
    if problem or key is None:
        return refuse(401, problem or "Invalid API key")
    if scope not in key.scopes:
        return refuse(403, f"The key lacks the scope {scope}")
    wait = state.limits.take(key.id, key.rpm, state.clock())
    return refuse(429, "Rate limit exceeded", {"Retry-After": str(wait)}) if wait is not None else None


async def _read(request: web.Request, model: type[Body]) -> Body | web.Response:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        return unprocessable(error.errors())


async def chat(request: web.Request) -> web.Response:
    """POST /chat/completions: repeats the last message."""
    asked = _refused(request, "chat:write") or await _read(request, ChatRequest)
    if isinstance(asked, web.Response):
        return asked
    text = f"You said: {asked.messages[-1].content}"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    spent = sum(len(message.content.split()) for message in asked.messages)
    return web.json_response(
        {
            "id": f"chatcmpl-{secrets.token_hex(8)}",
            "object": "chat.completion",
            "created": int(request.app[STATE].clock()),
            "model": asked.model,
            "choices": [choice],
            "usage": _usage(spent, len(text.split())),
        }
    )


async def embeddings(request: web.Request) -> web.Response:
    """POST /embeddings: eight figures for each text, the same ones for the same text."""
    asked = _refused(request, "embeddings:write") or await _read(request, EmbeddingsRequest)
    if isinstance(asked, web.Response):
        return asked
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    data = [{"object": "embedding", "index": i, "embedding": _vector(text)} for i, text in enumerate(texts)]
    usage = _usage(sum(len(text.split()) for text in texts), 0)
    return web.json_response({"object": "list", "model": asked.model, "data": data, "usage": usage})


def _vector(text: str) -> list[float]:
    return [round(byte / 127.5 - 1, 6) for byte in hashlib.sha256(text.encode()).digest()[:8]]


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
