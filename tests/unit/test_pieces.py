"""A list is read object by object, whatever its order, its size and the places where it is cut."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.cluster.pieces import FIRST, MOST, Pace, Pieces

ITEMS = [{"n": 0, "text": 'ü]}\\"{['}, {"n": 1, "nested": {"items": [{}, [1.5]]}}, {}]
META = {"resourceVersion": "12", "continue": "abc"}


def read(raw: bytes, size: int) -> tuple[list[dict[str, Any]], Pieces]:
    """All objects of a list that comes in pieces of this size."""
    pieces, found = Pieces(), []
    for at in range(0, len(raw), size):
        found += list(pieces.feed(raw[at : at + size]))
    return found + list(pieces.feed(b"", end=True)), pieces


@given(
    st.sampled_from([1, 2, 3, 7, 30, 1000]),
    st.permutations(["kind", "metadata", "items", "number"]),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_every_object_is_found_however_the_list_is_written_and_cut(
    size: int, order: list[str], indent: int | None, ascii_only: bool
) -> None:
    parts = {"kind": "SecretList", "metadata": META, "items": ITEMS, "number": 12}
    raw = json.dumps({name: parts[name] for name in order}, indent=indent, ensure_ascii=ascii_only).encode()
    found, pieces = read(raw, size)
    assert (found, pieces.metadata, pieces.count, pieces.size) == (ITEMS, META, len(ITEMS), len(raw))


@pytest.mark.parametrize("raw", [b"{}", b'{"items":null,"metadata":{}}', b'{"items":[],"metadata":{}}'])
def test_a_list_may_be_empty(raw: bytes) -> None:
    assert read(raw, 1)[0] == []


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"items":[{}', b'{"items":[{}]', b'{"items":[1]}', b'{"items":[{}}', b"<html>", b'"x"']
)
def test_what_is_no_complete_list_is_told(raw: bytes) -> None:
    with pytest.raises(ValueError, match="list"):
        read(raw, 5)


def test_objects_that_are_nested_without_end_are_told() -> None:
    with pytest.raises(ValueError, match="nested"):
        read(b'{"items":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}", 2**16)


def test_of_a_list_no_more_than_an_object_is_in_memory() -> None:
    one = json.dumps({"data": {"a": "x" * 100_000}}).encode()
    pieces, count = Pieces(), 0
    tracemalloc.start()
    try:
        for data in (b'{"items":[', *([one + b","] * 299), one, b"]}"):
            count += sum(1 for _ in pieces.feed(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 300
    assert peak < 10 * len(one)


def test_pages_grow_while_objects_are_small_and_shrink_when_they_are_large() -> None:
    pace, limits = Pace(), list[int]()
    for _ in range(4):
        limits.append(pace.limit)
        pace.took(pace.limit, pace.limit * 5_000)
    assert limits == [FIRST, 5 * FIRST, MOST, MOST]
    pace.gave_up(16)
    assert pace.limit == 8
    pace.took(8, 8_000_000)
    assert pace.limit == 4
    pace.took(1, 2**24)
    assert pace.limit == 1
