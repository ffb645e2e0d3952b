"""A stream that was cut ends with an error of its dialect, after whole events; one that ended is left as it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import DIALECTS, Dialect
from keypool_client.wire.calls import Call
from keypool_client.wire.ending import LINE_HELD, Closed, Ending
from keypool_client.wire.sse import Event, Splitter

from .streams import CHAT, CHAT_START, ENDS, MANY, UNFINISHED, chunk, cuts, pieces, sse


def sent(name: str, chunks: list[bytes], *, whole: bool) -> tuple[bool, bytes]:
    """Whether it was clean, and all that the client gets."""
    dialect, call, _ = UNFINISHED[name]
    ending = Ending(dialect, call)
    got = b"".join(ending.feed(each) for each in chunks)
    closed = ending.close(whole=whole)
    return closed.clean, got + closed.last


def events(text: bytes) -> list[Event]:
    return Splitter(limit=10**9).feed(text)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", UNFINISHED)
def test_a_close_after_the_dialects_own_end_is_clean(name: str, whole: bool) -> None:
    text = UNFINISHED[name][2] + ENDS[name]
    assert sent(name, [text], whole=whole) == (True, text)
    assert sent(name, [*text.splitlines(keepends=True)], whole=whole) == (True, text)
    assert sent(name, [bytes([each]) for each in text], whole=whole) == (True, text)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", UNFINISHED)
def test_a_close_before_it_is_an_error_in_the_dialect_though_texts_look_like_an_end(name: str, whole: bool) -> None:
    text = UNFINISHED[name][2]
    clean, got = sent(name, [text], whole=whole)
    assert not clean
    assert events(got)[:-1] == events(text)
    assert_error(name, events(got)[-1])


def assert_error(name: str, event: Event) -> None:
    """As the SDKs look for it: see docs/design-relay.md."""
    told = json.loads(event.data)
    assert "cut" in told["error"]["message"]
    if name == "anthropic":
        assert (event.name, told["type"], told["error"]["type"]) == (b"error", "error", "api_error")
    elif name == "gemini":
        assert (event.name, next(iter(told)), told["error"]["code"]) == (b"", "error", 502)
    else:
        assert told["error"]["code"] == "keypool_broken_stream"
        assert event.name == (b"error" if name == "responses" else b"")
        if name == "responses":
            assert (told["type"], told["code"], told["sequence_number"]) == ("error", "keypool_broken_stream", 0)


@MANY
@given(st.sampled_from(sorted(UNFINISHED)), st.integers(0, 10**6), cuts(), st.booleans())
def test_a_stream_cut_anywhere_leaves_whole_events_and_then_an_error(
    name: str, at: int, places: list[int], whole: bool
) -> None:
    text = UNFINISHED[name][2]
    clean, got = sent(name, pieces(text[: at % len(text)], places), whole=whole)
    assert not clean
    seen = events(got)
    assert seen[:-1] == events(text)[: len(seen) - 1]
    assert_error(name, seen[-1])


@MANY
@given(st.sampled_from(sorted(UNFINISHED)), st.integers(0, 10**6), cuts())
def test_an_end_that_was_cut_is_never_taken_for_one_that_came(name: str, at: int, places: list[int]) -> None:
    """But for what the dialect does not need: the close is clean only where the client has an end."""
    text = UNFINISHED[name][2] + ENDS[name]
    clean, got = sent(name, pieces(text[: len(text) - at % len(ENDS[name])], places), whole=False)
    assert clean == any(sign in got for sign in (b"\ndata: [DONE]", b"\ndata:[DONE]", b'"type": "response.completed"',
                                                 b'{"type": "message_stop"', b'"finishReason": "MAX'))  # fmt: skip


def test_without_done_a_finished_answer_is_whole_only_if_the_transfer_is() -> None:
    text = CHAT_START + CHAT
    assert sent("chat", [text], whole=True) == (True, text)
    assert not sent("chat", [text], whole=False)[0]
    usage = sse({"choices": [], "usage": {}}, ": ping", ": ping", ": ping")
    assert sent("chat", [text, *usage.splitlines(keepends=True)], whole=True) == (True, text + usage)


@pytest.mark.parametrize(
    ("last", "clean"),
    [
        (b"data: [DONE]", True),
        (b"data: [DON", False),
        (sse(chunk({}, "stop"))[:-2], True),
        (sse(chunk({}, "stop"))[:-4], False),
    ],
)
def test_a_last_line_without_an_end_counts_if_it_says_all(last: bytes, clean: bool) -> None:
    assert sent("chat", [CHAT_START, last], whole=True)[0] is clean


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("chat", b'data: {"error": {"message": "overloaded"}}\n\n'),
        ("responses", b'event: error\ndata: {"type": "error", "message": "m"}\n\n'),
        ("anthropic", b'event: error\ndata: {"type": "error", "error": {}}\n\n'),
        ("gemini", b'data: {"error": {"code": 503}}\r\n\r\n'),
    ],
)
def test_the_providers_own_error_is_an_end_that_is_not_told_twice(name: str, error: bytes) -> None:
    text = UNFINISHED[name][2] + error
    assert sent(name, [text], whole=False) == (True, text)


@pytest.mark.parametrize(
    "part", [b"event: content_block_delta\n", b"event: x\r\n", b"id: 5\n", b": ping\n", b"\n", b""]
)
def test_the_error_takes_the_place_of_an_event_that_only_has_a_name(part: bytes) -> None:
    _, got = sent("anthropic", [UNFINISHED["anthropic"][2], part], whole=False)
    seen = events(got)
    assert len(seen) == len(events(UNFINISHED["anthropic"][2])) + 1
    assert_error("anthropic", seen[-1])


def test_a_line_is_held_up_to_a_limit_and_then_sent_as_it_comes() -> None:
    ending = Ending("openai", Call.CHAT)
    long = b"data: " + b"x" * LINE_HELD
    assert ending.feed(long[:100]) == b""
    assert ending.feed(long[100:]) == long
    assert ending.feed(b"\ndata") == b"\n"
    assert ending.feed(b": [DONE]\n\n") == b"data: [DONE]\n\n"
    assert ending.close(whole=False) == Closed(True, b"")
    torn = Ending("openai", Call.CHAT)
    torn.feed(long)
    closed = torn.close(whole=True)
    assert not closed.clean
    assert len(events(long + closed.last)) == 2, "the part of an event stays one of its own"


def test_what_is_kept_does_not_grow_with_the_stream() -> None:
    ending = Ending("openai", Call.CHAT)
    for _ in range(3000):
        ending.feed(sse(chunk({"content": "a"})))
        ending.feed(b"data: ")
        ending.feed(b"{}\n\n")
    assert sum(map(len, (ending._before, ending._sent, *ending._line))) < 1000


@MANY
@given(
    st.sampled_from(DIALECTS), st.lists(st.binary(max_size=50) | st.sampled_from([b"data: {", b"\r", b"\n", b"\n\n"]))
)
def test_any_bytes_are_sent_in_order_and_nothing_else_before_the_end(dialect: Dialect, chunks: list[bytes]) -> None:
    ending = Ending(dialect)
    got = b"".join(ending.feed(each) for each in chunks)
    whole = b"".join(chunks)
    assert whole.startswith(got)
    assert not whole[len(got) :].strip(b"\r\n") or b"\n" not in whole[len(got) :]
    closed = ending.close(whole=True)
    if closed.clean:
        assert got + closed.last == whole
