"""Streams as each dialect's provider sends them, and how tests cut them."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from keypool_client.model import Dialect
from keypool_client.wire.calls import Call


def sse(*events: dict[str, Any] | str, named: bool = False, end: str = "\n\n") -> bytes:
    """Each event's data as JSON; a text is written as it is. `named`: with an event line after the data's type."""
    written = []
    for event in events:
        name = f"event: {event['type']}{end[: len(end) // 2]}" if named and isinstance(event, dict) else ""
        text = event if isinstance(event, str) else f"data: {json.dumps(event)}"
        written.append(f"{name}{text}{end}")
    return "".join(written).encode()


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def candidate(text: str | None = None, finish: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"content": {"role": "model", "parts": [] if text is None else [{"text": text}]}}
    return {"candidates": [told | ({"finishReason": finish} if finish else {})], "modelVersion": "g"}


CHAT_START = sse(": connected", chunk({"role": "assistant", "content": ""}))
CHAT = sse(
    chunk({"role": "assistant"}),
    chunk({"content": "one"}),
    chunk({"content": 'say "[DONE]"\ndata: [DONE]'}),
    chunk({}, "stop"),
)
RESPONSES = sse(
    {"type": "response.created", "response": {"id": "r", "error": None}},
    {"type": "response.output_text.delta", "delta": '"type":"response.completed"', "sequence_number": 3},
    named=True,
)
CLAUDE = sse(
    {"type": "message_start", "message": {"id": "m", "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": '"type": "message_stop"'}},
    named=True,
)
GEMINI = sse(candidate("one"), candidate('"finishReason": "STOP"'), end="\r\n\r\n")

UNFINISHED: dict[str, tuple[Dialect, Call | None, bytes]] = {
    "chat": ("openai", Call.CHAT, CHAT_START + CHAT.replace(b'"finish_reason": "stop"', b'"finish_reason": null')),
    "azure": ("azure", Call.CHAT, CHAT_START + sse({"choices": [], "prompt_filter_results": []})),
    "responses": ("openai", Call.RESPONSES, RESPONSES),
    "anthropic": ("anthropic", Call.MESSAGES, CLAUDE),
    "gemini": ("gemini", Call.STREAM_GENERATE, GEMINI),
}
"""Name -> dialect, call and a stream that did not come to its end, with texts that look like one."""

ENDS: dict[str, bytes] = {
    "chat": sse(chunk({}, "stop"), "data: [DONE]"),
    "azure": sse(chunk({}, "content_filter"), "data:[DONE]"),
    "responses": sse({"type": "response.completed", "response": {"id": "r"}}, named=True),
    "anthropic": sse(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}, named=True
    ),
    "gemini": sse(candidate("", "MAX_TOKENS") | {"usageMetadata": {}}, end="\r\n\r\n"),
}
"""How each of them ends."""


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces; none is empty."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places) if start < end]


def cuts() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 10**6), max_size=12)


MANY = settings(max_examples=40, deadline=None)
"""As many examples as the suite has time for; no limit of time for one."""
