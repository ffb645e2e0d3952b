"""Which answers are believed: none that was cut, is a page, or would fill the memory."""

import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.wire.whole import PARSED, UNPACKED, Beginning, Flaw, Kind, beginning, flaw_in, kind_of, room

from .streams import MANY

JSON = "application/json"
BODY = b'{"id": "c", "choices": [{"message": {"content": "a } b ]"}}]}'
LARGE = json.dumps({"data": [[0.123] * 1000] * 60}).encode()
PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", Kind.JSON),
        ("Application/JSON; charset=utf-8", Kind.JSON),
        ("application/problem+json", Kind.JSON),
        (" application/json ;x", Kind.JSON),
        ("text/event-stream; charset=utf-8", Kind.STREAM),
        ("application/jsonl", Kind.OTHER),
        ("application/x-json-seq", Kind.OTHER),
        ("text/html", Kind.OTHER),
        ("audio/mpeg", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_the_content_type_tells_how_an_answer_is_treated(content_type: str, kind: Kind) -> None:
    assert kind_of(content_type) is kind


@pytest.mark.parametrize("body", [BODY, b" []\n", b'"text"', b"7", b"null", LARGE])
def test_json_is_believed_plain_and_compressed(body: bytes) -> None:
    assert flaw_in(JSON, body, length=len(body), due=True) is None
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        assert flaw_in(JSON, packed, encoding=encoding) is None
    assert beginning(zlib.compress(gzip.compress(body)), "GZIP , deflate") == Beginning(body, more=False)


@pytest.mark.parametrize(
    ("content_type", "body", "flaw"),
    [
        (JSON, b"", Flaw.EMPTY),
        (JSON, b" \n", Flaw.EMPTY),
        (JSON, BODY[:-1], Flaw.CUT),
        (JSON, BODY[:20], Flaw.CUT),
        (JSON, LARGE[:-1], Flaw.CUT),
        (JSON, b'{"a": }', Flaw.NOT_JSON),
        (JSON, b"OK", Flaw.NOT_JSON),
        (JSON, b"OK" * PARSED, Flaw.NOT_JSON),
        (JSON, PAGE, Flaw.HTML),
        (JSON, b"\xff\xfe\xff", Flaw.NOT_JSON),
        (JSON, b"[" * PARSED, Flaw.CUT),
        (JSON, b"[" * 100_000 + b"]" * 100_000, Flaw.NOT_JSON),
        ("text/html; charset=utf-8", PAGE, Flaw.HTML),
        ("text/html", b" <p>", Flaw.HTML),
        ("", PAGE * 9000, Flaw.HTML),
        ("text/plain", b"upstream connect error", Flaw.NOT_JSON),
        ("", b"", Flaw.EMPTY),
    ],
)
def test_a_success_that_is_no_answer_has_a_plain_name(content_type: str, body: bytes, flaw: Flaw) -> None:
    assert flaw_in(content_type, body, due=True) is flaw
    assert flaw_in(content_type, gzip.compress(body), encoding="gzip", due=True) is flaw


@pytest.mark.parametrize("due", [True, False])
def test_a_body_that_is_shorter_than_was_said_was_cut(due: bool) -> None:
    assert flaw_in(JSON, BODY, length=len(BODY) + 1, due=due) is Flaw.CUT
    assert flaw_in("audio/mpeg", b"abc", length=4, due=due) is Flaw.CUT


def test_where_no_json_is_due_other_answers_are_left_alone() -> None:
    for content_type, body in (
        ("text/html", PAGE),
        ("audio/mpeg", b"\xff\xfb"),
        ("", b""),
        ("application/jsonl", b"{"),
    ):
        assert flaw_in(content_type, body) is None


@pytest.mark.parametrize("at", [1, 9, 30, -9, -1])
def test_compression_that_was_cut_is_seen(at: int) -> None:
    assert flaw_in(JSON, gzip.compress(LARGE)[:at], encoding="gzip") is Flaw.CUT
    assert flaw_in(JSON, BODY, encoding="gzip") is Flaw.CUT


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "aes128gcm", "compress", "é"])
def test_compression_that_was_not_asked_for_is_not_believed(encoding: str) -> None:
    assert flaw_in(JSON, BODY, encoding=encoding) is Flaw.ENCODING


@pytest.mark.parametrize("layers", [1, 2, 20])
def test_a_bomb_is_never_unpacked_beyond_a_bound(layers: int) -> None:
    """1 MiB that would become 1 GB; twice packed, some KiB would."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([packer.compress(b" " * 2**20) for _ in range(64)] + [packer.flush()])
    for _ in range(layers - 1):
        packed = gzip.compress(packed)
    encoding = ", ".join(["gzip"] * layers)
    tracemalloc.start()
    try:
        flaw = flaw_in(JSON, packed, encoding=encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert flaw is (None if layers < 20 else Flaw.ENCODING)
    assert peak < room(packed, encoding)


def test_of_an_answer_too_large_to_be_unpacked_the_beginning_is_judged() -> None:
    """Whether all of it came is told by the transfer; a page is none, however large."""
    rest = b"x" * UNPACKED
    found = [flaw_in(JSON, gzip.compress(begun + rest), encoding="gzip") for begun in (b'{"a": "', b"<html>", b"OK")]
    assert found == [None, Flaw.HTML, Flaw.NOT_JSON]
    assert beginning(gzip.compress(gzip.compress(rest)), "gzip, gzip", 100) == Beginning(b"x" * 101, more=True)


@pytest.mark.parametrize(("text", "encoding"), [(LARGE, "gzip"), (b"{" + b" " * 3 * UNPACKED + b"}", "gzip, gzip")])
def test_the_room_that_is_asked_for_is_enough(text: bytes, encoding: str) -> None:
    packed = gzip.compress(text, 1)
    packed = gzip.compress(packed, 1) if "," in encoding else packed
    assert room(text, "") == room(text, "identity") == 0
    tracemalloc.start()
    try:
        flaw_in(JSON, packed, encoding=encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < room(packed, encoding)


@MANY
@given(st.binary(max_size=50), st.sampled_from(["", "gzip", "deflate", "gzip, gzip", "br", ","]), st.booleans())
def test_no_bytes_are_too_odd_to_be_judged(body: bytes, encoding: str, due: bool) -> None:
    flaw_in(JSON, body, encoding=encoding, due=due)


@MANY
@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.lists(st.integers()), min_size=1),
    st.integers(0, 10**6),
)
def test_an_object_cut_anywhere_is_not_believed(told: dict[str, str | list[int]], at: int) -> None:
    text = json.dumps(told).encode()
    cut = text[: at % len(text)]
    assert flaw_in(JSON, cut) in (Flaw.CUT, Flaw.EMPTY, Flaw.NOT_JSON)
