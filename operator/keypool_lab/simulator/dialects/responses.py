"""OpenAI's Responses."""

from typing import Any

from aiohttp import web

from keypool_lab.simulator.dialects.openai import OPENAI
from keypool_lab.simulator.dialects.operation import Asked, Body, Operation, model_of, named_event, texts


def _read(_: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
    given = body.get("input")
    prompt = (given,) if isinstance(given, str) else texts(body, "input", "content")
    return model_of(body), prompt, bool(body.get("stream")), True


def _response(asked: Asked, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"resp_{asked.id}",
        "object": "response",
        "created_at": asked.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(asked) if output else None,
    }


def _usage(asked: Asked) -> dict[str, Any]:
    prompt, reply = asked.spent
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + reply,
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _item(asked: Asked, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "id": f"msg_{asked.id}", "status": status, "role": "assistant", "content": parts}


def whole(asked: Asked) -> dict[str, Any]:
    """A response."""
    return _response(asked, "completed", [_item(asked, "completed", [_part(asked.text)])])


def events(asked: Asked) -> list[bytes]:
    """A response in events: created, the parts, the words, everything once more when it is done, completed."""
    where = {"item_id": f"msg_{asked.id}", "output_index": 0, "content_index": 0}
    begun, done = _response(asked, "in_progress", []), _item(asked, "completed", [_part(asked.text)])
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": _item(asked, "in_progress", [])},
        {"type": "response.content_part.added", **where, "part": _part("")},
        *({"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in asked.pieces),
        {"type": "response.output_text.done", **where, "text": asked.text, "logprobs": []},
        {"type": "response.content_part.done", **where, "part": _part(asked.text)},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": whole(asked)},
    ]
    return [named_event({**step, "sequence_number": number}) for number, step in enumerate(steps)]


RESPONSES = Operation(OPENAI, "chat:write", _read, whole, events)
