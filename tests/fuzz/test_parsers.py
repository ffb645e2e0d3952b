"""No parser raises but what it declares, whatever it is given; nor does it take long, or much memory."""

import inspect
import json
import os
import time
import tracemalloc
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.fuzz import wire
from tests.fuzz.parsers import MODULES, NO_PARSERS, PARSERS, Parser, all_parsers, wire_models

ALL = all_parsers()
FEW = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "4")), suppress_health_check=list(HealthCheck))
"""`make fuzz` asks for more."""
KIB = 1024
NASTY: tuple[Any, ...] = (
    *("9e+999999", "-1e-999999", "NaN", "sNaN", "Infinity", "9" * 4300, "9" * 4301, "1e400", "\ud800", "\x00", ""),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-11-24", "2026-11-24T09:00:00", "Bearer", "key_1"),
    *(10**400, -(10**400), 1e308, -1, 0, 2**63, True, None, [], {}, float("inf"), float("nan"), 253402300800, 2**53),
    *("sk-0123456789abcdef0123456789", "a" * 64, "true", "=?utf-8?b?/w==?=", "Mon, 31 Dec 9999 23:59:60 -9999"),
    *("0s", "99999999999999999999h", "1h" * 50, "::ffff:1.2.3.4", "64:ff9b:1::", "xn--a", "1.2.3", "fe80::1%25e"),
)
leaves = st.one_of(st.sampled_from(NASTY), st.text(max_size=20), st.integers(), st.floats())
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))


def checked(parser: Parser, data: bytes) -> Any:
    """What was read; None where it was refused as declared."""
    try:
        return parser.read(data)
    except parser.declared:
        return None


def usable(read: Any) -> None:
    """What was read bears the arithmetic that follows."""
    for value in values_in(read):
        if isinstance(value, Decimal):
            assert float(value + 1) < float("inf")
        elif isinstance(value, datetime):
            assert (value + timedelta(days=366 * 100)).timestamp()
        elif isinstance(value, int | float):
            assert abs(float(value)) < float("inf")


def values_in(read: Any) -> Iterable[Any]:
    """All that a model of an answer holds."""
    if isinstance(read, BaseModel):
        yield from values_in([value for _, value in read])
    elif isinstance(read, tuple | list):
        for each in read:
            yield from values_in(each)
    else:
        yield read


@FEW
@given(data=st.data())
@pytest.mark.parametrize("parser", ALL.values(), ids=ALL)
def test_bytes_raise_nothing_but_what_is_declared(parser: Parser, data: st.DataObject) -> None:
    checked(parser, data.draw(st.binary(max_size=200)))


@FEW
@given(data=st.data())
@pytest.mark.parametrize("parser", ALL.values(), ids=ALL)
def test_texts_and_json_raise_nothing_but_what_is_declared(parser: Parser, data: st.DataObject) -> None:
    value = data.draw(values)
    checked(parser, json.dumps(value).encode())
    checked(parser, str(value).encode("utf-8", "surrogatepass"))


@FEW
@given(data=st.data())
@pytest.mark.parametrize("name", wire_models())
def test_an_answer_with_nasty_values_is_read_as_what_bears_arithmetic_or_not_at_all(
    name: str, data: st.DataObject
) -> None:
    model = wire_models()[name]
    told = {field.alias or key: data.draw(values) for key, field in model.model_fields.items()}
    body = json.dumps(told).encode()
    if name not in ANYTHING:
        usable(checked(ALL[name], body))


ANYTHING = {name for name in ALL if name.rpartition(".")[2] in {"Data", "_Models", "Abilities"}}
"""Models that hold values of any kind, which nobody looks at."""

LARGE: dict[str, bytes] = {
    "brackets": b"[",
    "braces": b'{"a":',
    "digits": b"9",
    "escapes": b"%41",
    "units": b"\\u0041",
    "bytes that are no text": b"\xff",
    "entries": b"a,",
    "spaces": b" ",
    "dots": b"a.",
    "exclamation marks": b"!now@",
    "labels of certificates": b"-----BEGIN CERTIFICATE-----\n",
    "units of time": b"1h",
    "equals signs": b'error="',
    "colons": b":",
}


@pytest.mark.parametrize("pattern", LARGE.values(), ids=LARGE)
def test_time_and_memory_are_bounded_by_the_size_of_what_is_read(pattern: bytes) -> None:
    """In all parsers: a text of 64 KiB, of the kind that makes bad patterns and parsers quadratic."""
    data = (pattern * (64 * KIB))[: 64 * KIB]
    for name, parser in ALL.items():
        started = time.process_time()
        checked(parser, data)
        assert time.process_time() - started < 2, name


@pytest.mark.parametrize("name", ["text.error_text", "text.excerpt", "asked.read", "authorities.read", "ledger.load"])
def test_memory_is_bounded_by_the_size_of_what_is_read(name: str) -> None:
    data = b'{"error": "' + b"%41" * (80 * KIB) + b'"}'
    tracemalloc.start()
    try:
        checked(ALL[name], data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * len(data) + KIB * KIB


def test_every_function_that_may_be_a_parser_is_in_the_table_or_said_to_be_none() -> None:
    known = PARSERS.keys() | NO_PARSERS.keys()
    functions = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in MODULES
        for name, it in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and it.__module__ == module.__name__
    }
    classes = {name for name in wire.READERS if name.partition(".")[0] in {"sse", "opening", "ending"}}
    assert functions == known - classes
