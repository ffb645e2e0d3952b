"""Durations are read and written as Go does."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.api.duration import MAX_LENGTH, PATTERN, parse, render

LONGEST_IN_GO = timedelta(microseconds=(2**63 - 1) // 1000)
whole_seconds = st.integers(min_value=0, max_value=999_999 * 3600).map(lambda seconds: timedelta(seconds=seconds))
well_formed = st.from_regex(PATTERN, fullmatch=True).filter(lambda text: 0 < len(text) <= MAX_LENGTH)


@given(whole_seconds)
def test_what_is_written_is_read_back(duration: timedelta) -> None:
    """Whole seconds survive the round trip."""
    assert parse(render(duration)) == duration


@given(whole_seconds)
def test_what_is_written_is_well_formed(duration: timedelta) -> None:
    """The CRD accepts what status and documentation show."""
    assert re.fullmatch(PATTERN, render(duration))


@given(well_formed)
def test_nothing_well_formed_overflows(text: str) -> None:
    """What the pattern admits is within the 292 years that Go, and so CEL, can hold."""
    assert timedelta(0) <= parse(text) <= LONGEST_IN_GO


@given(st.text(max_size=40).filter(lambda text: not re.fullmatch(PATTERN, text)))
def test_any_other_text_is_a_clear_error(text: str) -> None:
    """No other exception, whatever is typed."""
    with pytest.raises(ValueError, match="must be a duration such as"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("720h", 2_592_000), ("1.5h", 5400), ("500ms", 0.5), ("0s", 0), ("1h0m5s", 3605)],
)
def test_the_usual_ones_are_read(text: str, seconds: float) -> None:
    """Hours, minutes, seconds and milliseconds, also as fractions."""
    assert parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "0", "24", "30d", "-1h", "1h ", "1h\n", "h", "1H", "1.h", "٣h", "1000000h", "5m1h", "1h1h", "1e3s"]
)
def test_what_go_does_not_write_is_refused(text: str) -> None:
    """Days, signs, other orders and numbers without a unit."""
    with pytest.raises(ValueError, match="must be a duration such as"):
        parse(text)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.6, "1m"), (3600, "1h"), (5400, "1h30m"), (86400, "24h")])
def test_written_in_the_shortest_form(seconds: float, text: str) -> None:
    """No zero parts, in whole seconds."""
    assert render(timedelta(seconds=seconds)) == text
