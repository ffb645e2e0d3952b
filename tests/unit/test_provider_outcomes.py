"""Which error an answer stands for, and how long to wait."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled, Unavailable
from keypool.providers.outcomes import parse_retry_after, refusal, until_midnight

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, Ambiguous),
        (202, Ambiguous),
        (301, Rejected),
        (307, Rejected),
        (400, Rejected),
        (401, CredentialRejected),
        (403, Rejected),
        (404, Rejected),
        (408, Ambiguous),
        (409, Rejected),
        (422, Rejected),
        (425, Unavailable),
        (429, Throttled),
        (500, Ambiguous),
        (503, Ambiguous),
        (599, Ambiguous),
    ],
)
def test_a_status_is_told_as_what_to_do_next(status: int, error: type[ProviderError]) -> None:
    assert type(refusal("create a key", status)) is error


def test_a_message_says_what_was_tried_and_what_was_answered() -> None:
    assert str(refusal("create a key", 409, "name taken")) == "create a key: the provider answered 409 (name taken)"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("0", timedelta(0)),
        (" 5 ", timedelta(seconds=5)),
        ("3600", timedelta(hours=1)),
        ("3601", timedelta(hours=1)),
        ("9" * 18, timedelta(hours=1)),
        ("9" * 5000, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Mon, 23 Nov 2036 12:00:00 GMT", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 12:00:30 -0000", timedelta(seconds=30)),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", timedelta(hours=1)),
        ("2\x1f", timedelta(seconds=2)),  # space to str.strip, and not to int
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(header: str | None, wait: timedelta | None) -> None:
    assert parse_retry_after(header, NOW) == wait


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (datetime(2026, 11, 25, 0, 0, tzinfo=UTC), timedelta(days=1)),
        (datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), timedelta(seconds=30)),
        (datetime(2026, 11, 25, 1, 0, tzinfo=timezone(timedelta(hours=2))), timedelta(hours=1)),
    ],
)
def test_a_day_of_a_quota_ends_at_midnight_utc(now: datetime, left: timedelta) -> None:
    assert until_midnight(now) == left
