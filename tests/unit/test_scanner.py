"""Listings are cut into batches of whole entries, wherever pieces end, and by bounds before anything is parsed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.providers.scanner import MOST_DEPTH, MOST_ENTRY, NotAListing, OutOfBounds, Scanner

TEXT = st.text(st.sampled_from('ab"\\[]{},: \n\u00e9\U0001f511'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=5)


def scanned(field: str, body: bytes, size: int) -> tuple[list[Any], Any]:
    """The entries, and what is around them, fed in pieces of this size."""
    scanner, entries = Scanner(field), list[Any]()
    for start in range(0, len(body), size):
        if batch := scanner.feed(body[start : start + size]):
            entries += json.loads(b"[%s]" % batch)
    scanner.close()
    return entries, json.loads(scanner.around)


@given(ENTRIES, st.dictionaries(TEXT, VALUES, max_size=3), st.integers(1, 40), st.sampled_from([None, 1]))
def test_wherever_pieces_end_all_entries_are_found(
    entries: list[Any], others: dict[str, Any], size: int, indent: int | None
) -> None:
    document = {**others, "data": entries, "more": {"data": [1]}}
    body = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    assert scanned("data", body, size) == (entries, {**document, "data": []})
    assert scanned("", json.dumps(entries, indent=indent).encode(), size) == (entries, [])


@given(st.binary(max_size=60) | TEXT.map(str.encode), st.integers(1, 9))
def test_whatever_comes_is_a_listing_or_a_declared_error(body: bytes, size: int) -> None:
    try:
        scanned("data", b'{"data":[' + body + b"]}", size)
    except (NotAListing, OutOfBounds, ValueError):
        return


NO_LISTINGS = (
    *('{"data":[{},]}', '{"data":[,{}]}', '{"data":[{}{}]}', '{"data":[{}],"data":[{}]}', "[]", "", "{}", "]"),
    *('{"data":{}}', '{"data":[{}]', '{"data":[{}]}}', '{"data":[{}}]}', '{"x":{"data":[{}]}}', '{"a\\"data":[{}]}'),
)


@pytest.mark.parametrize("body", NO_LISTINGS)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_is_no_such_listing_is_none(body: str, size: int) -> None:
    with pytest.raises(ValueError):
        scanned("data", body.encode(), size)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[" * 16_000_000, "deep"),
        (b'{"a":' * (MOST_DEPTH + 1), "deep"),
        (b'{"data":[{"a":"' + b"x" * 16_000_000, "an entry"),
        (b'{"data":[{"a":1' + b"0" * 16_000_000, "an entry"),
        (b'{"data":[{' + b'"a":[],' * 2_000_000, "an entry"),
        (b'{"data":[' + b"1," * 8_000_000, "an entry"),
        (b"{" + b'"a":[],' * 2_000_000, "around"),
        (b" " * 16_000_000, "around"),
    ],
    ids=["deep", "deep objects", "text", "digits", "keys of an entry", "numbers", "keys", "space"],
)
def test_what_is_beyond_a_bound_is_refused_before_more_of_it_is_read(body: bytes, told: str) -> None:
    scanner = Scanner("data")

    def read() -> int:
        for start in range(0, len(body), 65536):
            scanner.feed(body[start : start + 65536])
            assert start <= MOST_ENTRY + 65536
        return len(body)

    with pytest.raises(OutOfBounds, match=told):
        read()
