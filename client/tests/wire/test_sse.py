"""Event streams are split alike, wherever their bytes are cut."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.wire.sse import Event, Splitter

from .streams import MANY

LINES = (
    b"data: a",
    b"data:b",
    b"data",
    b"data:  c",
    b"event: ping",
    b"event:x",
    b": comment",
    b"id: 1",
    b"",
    b"",
    b"other",
)
ENDS = (b"\n", b"\r", b"\r\n")
texts = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(ENDS)), max_size=15).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


def events(*chunks: bytes) -> list[Event]:
    splitter = Splitter()
    return [event for chunk in chunks for event in splitter.feed(chunk)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [Event(b"", b"a"), Event(b"", b"b")]),
        (b"event: x\r\ndata:a\r\n\r\n", [Event(b"x", b"a")]),
        (b"data: a\r\rdata: b\r\r", [Event(b"", b"a"), Event(b"", b"b")]),
        (b"data: a\ndata:\ndata: b\n\n", [Event(b"", b"a\n\nb")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event(b"", b"a")]),
        (b": comment\n\nevent: x\n\ndata: a\n\n", [Event(b"", b"a")]),
        (b"event: x\nevent: y\nid: 1\nretry: 5\ndata: a\n\n", [Event(b"y", b"a")]),
        (b'data: "\xe2\x80\xa8\x0b\x0c\x1c\xc2\x85"\n\n', [Event(b"", b'"\xe2\x80\xa8\x0b\x0c\x1c\xc2\x85"')]),
        (b"data: a\n", []),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(text: bytes, expected: list[Event]) -> None:
    assert events(text) == expected
    assert events(*(bytes([each]) for each in text)) == expected


@MANY
@given(texts, st.lists(st.integers(0, 200), max_size=8))
def test_any_cut_gives_the_same_events(text: bytes, places: list[int]) -> None:
    at = sorted({0, len(text), *(place for place in places if place < len(text))})
    cut = [text[start:end] for start, end in pairwise(at)]
    assert events(b"", *cut, b"") == events(text) == plainly(text)


def plainly(text: bytes) -> list[Event]:
    """The same in the plainest way, for a text that is there whole."""
    found, name, data = [], b"", list[bytes]()
    for line in re.split(rb"\r\n|\r|\n", text)[:-1]:
        field, _, value = line.partition(b":")
        if not line:
            found += [Event(name, b"\n".join(data))] if data else []
            name, data = b"", []
        elif field == b"event":
            name = value.removeprefix(b" ")
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return found


@pytest.mark.parametrize("endless", [b"data: " + b"x" * 90, b"x" * 100, b"data: x\n" * 12, b": comment\n" * 10])
def test_an_event_without_an_end_is_given_up(endless: bytes) -> None:
    splitter = Splitter(limit=1000)
    for _ in range(100):
        assert splitter.feed(endless) == []
    assert splitter.too_long
    assert splitter.feed(b"\n\ndata: a\n\n") == []
    assert sum(map(len, (*splitter._partial, *splitter._data))) == 0
