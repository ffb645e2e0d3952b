"""A stream goes to the client only once it is known to be an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import DIALECTS, Dialect
from keypool_client.wire.opening import BYTES_HELD, COMMIT, UNDECIDED, Commit, Failed, Opening, Undecided

from .streams import CHAT_START, ENDS, MANY, UNFINISHED, candidate, chunk, cuts, pieces, sse


def first_seen(dialect: Dialect, *events: dict[str, Any] | str, named: bool = False) -> Any:
    return Opening(dialect).feed(sse(*events, named=named))


NOTHING_YET: list[tuple[Dialect, dict[str, Any] | str]] = [
    ("openai", ": OPENROUTER PROCESSING"),
    ("openai", "event: ping\ndata: pong"),
    ("openai", "data:"),
    ("openai", chunk({"role": "assistant"})),
    ("openai", chunk({"role": "assistant", "content": "", "refusal": None, "tool_calls": []})),
    ("openai", {"choices": [], "usage": {"prompt_tokens": 3}}),
    ("openai", {"choices": [{"text": "", "index": 0, "finish_reason": None}]}),
    ("openai", {"type": "response.created", "response": {"error": None}}),
    ("openai", {"type": "response.in_progress"}),
    ("openai", {"type": "response.output_item.added", "item": {"type": "message", "content": []}}),
    ("azure", {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
    ("anthropic", {"type": "message_start", "message": {"content": []}}),
    ("anthropic", {"type": "ping"}),
    ("anthropic", {"type": "content_block_start", "content_block": {"type": "text", "text": ""}}),
    ("gemini", candidate()),
    ("gemini", candidate("")),
    ("gemini", {"usageMetadata": {"promptTokenCount": 3}}),
    ("gemini", "data: 17"),
    ("gemini", "data: [1]"),
]


@pytest.mark.parametrize(("dialect", "event"), NOTHING_YET, ids=str)
def test_signs_of_life_and_beginnings_are_no_content(dialect: Dialect, event: dict[str, Any] | str) -> None:
    assert first_seen(dialect, event) is UNDECIDED


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        ("openai", chunk({"content": "a"})),
        ("openai", chunk({"role": "assistant", "reasoning_content": "a"})),
        ("openai", chunk({"tool_calls": [{"index": 0, "id": "call_1"}]})),
        ("openai", chunk({"refusal": "no"})),
        ("openai", chunk({}, "stop")),
        ("openai", "data: [DONE]"),
        ("openai", {"choices": [{"text": "a", "index": 0}]}),
        ("openai", {"type": "response.output_text.delta", "delta": "a"}),
        ("openai", {"type": "response.incomplete", "response": {}}),
        ("openai", {"type": "an.event.of.the.future"}),
        ("azure", chunk({"content": "a"})),
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}),
        ("anthropic", {"type": "content_block_start", "content_block": {"type": "web_search_tool_result"}}),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "refusal"}}),
        ("gemini", candidate("a")),
        ("gemini", {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}),
        ("gemini", candidate(None, "SAFETY")),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}),
    ],
    ids=str,
)
def test_the_first_content_commits(dialect: Dialect, event: dict[str, Any] | str) -> None:
    before = [each for spoken, each in NOTHING_YET if spoken == dialect]
    assert first_seen(dialect, *before, event) is COMMIT


@pytest.mark.parametrize(
    ("dialect", "event", "error"),
    [
        ("openai", {"error": {"message": "no", "code": "slow_down"}}, {"message": "no", "code": "slow_down"}),
        ("openai", chunk({"content": ""}, "error") | {"error": {"code": 502}}, {"code": 502}),
        ("openai", {"type": "error", "code": "server_error", "message": "m", "sequence_number": 2},
         {"type": "error", "code": "server_error", "message": "m"}),
        ("openai", {"type": "response.failed", "response": {"error": {"code": "x"}}}, {"code": "x"}),
        ("azure", {"error": {"code": "429", "message": "m"}}, {"code": "429", "message": "m"}),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error"}}, {"type": "overloaded_error"}),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE"}}, {"code": 503, "status": "UNAVAILABLE"}),
    ],
)  # fmt: skip
def test_an_error_before_content_is_told_like_an_answers_body(
    dialect: Dialect, event: dict[str, Any], error: dict[str, Any]
) -> None:
    before = [each for spoken, each in NOTHING_YET if spoken == dialect]
    failed = first_seen(dialect, *before, event)
    assert isinstance(failed, Failed)
    assert json.loads(failed.body)["error"] == error
    assert not failed.cut
    if "type" in event:
        assert first_seen(dialect, event, named=True) == failed


def test_data_that_is_no_json_is_no_answer() -> None:
    assert first_seen("openai", "data: <html>") == Failed(b"<html>")
    assert first_seen("openai", 'data: {"choices": [') == Failed(b'{"choices": [')
    assert first_seen("openai", "data: " + "[" * 100_000) == Failed(b"[" * 100_000)


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_stream_that_ends_before_its_first_content_was_cut(name: str) -> None:
    opening = Opening(UNFINISHED[name][0])
    assert opening.end() == Failed(b"", cut=True)


def test_an_error_that_is_only_called_a_stream_is_told() -> None:
    body = b'{"error": {"code": "invalid_api_key"}}\n'
    opening = Opening("openai")
    assert opening.feed(body) is UNDECIDED
    assert opening.end() == Failed(body.strip(), cut=True)


def test_a_last_event_without_its_empty_line_counts() -> None:
    opening = Opening("openai")
    assert opening.feed(CHAT_START + b"data: [DONE]") is UNDECIDED
    assert opening.end() is COMMIT


def test_what_is_held_is_bounded_by_events_and_by_bytes() -> None:
    opening = Opening("anthropic")
    assert [opening.feed(sse({"type": "ping"}, {"type": "message_start"})) for _ in range(31)] == [UNDECIDED] * 31
    assert opening.feed(sse({"type": "ping"})) is UNDECIDED
    assert opening.feed(sse({"type": "ping"})) is COMMIT, "pings are events, too"
    for endless in (b": ping\n\n" * 500, b"data: " + b"x" * 5000, b"\0" * 4096):
        long = Opening("openai")
        while isinstance(long.feed(endless), Undecided):
            assert long.size < BYTES_HELD
        assert long.size < BYTES_HELD + len(endless)


@MANY
@given(st.sampled_from(sorted(UNFINISHED)), cuts())
def test_any_cut_leads_to_the_same_decision_and_loses_no_byte(name: str, places: list[int]) -> None:
    dialect, _, start = UNFINISHED[name]
    opening = Opening(dialect)
    fed = b""
    for piece in pieces(start + ENDS[name], places):
        fed += piece
        if not isinstance(decision := opening.feed(piece), Undecided):
            break
    assert isinstance(decision, Commit)
    assert opening.held == fed


@MANY
@given(
    st.sampled_from(DIALECTS),
    st.lists(st.binary(max_size=60) | st.sampled_from([b"data: ", b"\n\n", b"{}", b'{"error":1}'])),
)
def test_any_bytes_come_to_a_decision(dialect: Dialect, chunks: list[bytes]) -> None:
    opening = Opening(dialect)
    for piece in chunks:
        if not isinstance(opening.feed(piece), Undecided):
            return
    assert isinstance(opening.end(), Commit | Failed)
