"""When a provider wants to be asked again: from its headers, bounded."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3600.0
"""Longer ones count as this: credit may be bought, and a limit raised, before a month is over."""
DIGITS = 20
TEXT = 64

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_SPAN = re.compile(
    r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,4})m(?!s))?(?:(\d{1,6}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?", re.ASCII
)
_RESETS = (
    ("anthropic-ratelimit-requests", "{}-remaining", "{}-reset"),
    ("anthropic-ratelimit-tokens", "{}-remaining", "{}-reset"),
    ("anthropic-ratelimit-input-tokens", "{}-remaining", "{}-reset"),
    ("anthropic-ratelimit-output-tokens", "{}-remaining", "{}-reset"),
    ("requests", "x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
    ("tokens", "x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
)
"""A limit's name, and the headers that tell what is left of it and when it is full again."""


def retry_after(headers: Mapping[str, str], said: str | None, now: float) -> float | None:
    """Seconds from now; None: nothing that can be understood is said. `said`: a span in the body, such as 22s."""
    found = _seconds(headers.get("retry-after-ms"), 1000.0)
    if found is None:
        found = _either(headers.get("retry-after"), now)
    if found is None and said is not None:
        found = _span(said)
    if found is None:
        found = max(_resets(headers, now), default=None)
    return None if found is None else min(max(found, 0.0), LONGEST_SECONDS)


def _resets(headers: Mapping[str, str], now: float) -> Iterator[float]:
    """Of every limit of which nothing is left."""
    for name, left, reset in _RESETS:
        if headers.get(left.format(name), "").strip() == "0":
            value = headers.get(reset.format(name), "")
            found = _span(value) if value[:1].isdigit() and "-" not in value else _date(value, now)
            if found is not None:
                yield found


def _either(value: str | None, now: float) -> float | None:
    """Seconds or a date."""
    found = _seconds(value, 1.0)
    return found if found is not None or value is None else _date(value, now)


def _seconds(value: str | None, divided_by: float) -> float | None:
    text = (value or "").strip()
    return float(text) / divided_by if len(text) <= DIGITS + 10 and _NUMBER.fullmatch(text) else None


def _span(value: str) -> float | None:
    """Such as 1s, 6m0s, 120ms or 1d2h; a bare number is seconds."""
    text = value.strip()
    match = _SPAN.fullmatch(text) if 0 < len(text) <= TEXT else None
    if match is None:
        return _seconds(text, 1.0)
    parts = [float(part or 0) for part in match.groups()]
    return sum(part * unit for part, unit in zip(parts, (86400.0, 3600.0, 60.0, 1.0, 0.001), strict=True))


def _date(value: str, now: float) -> float | None:
    """An HTTP date, or an RFC 3339 one."""
    text = value.strip()
    if not 0 < len(text) <= TEXT:
        return None
    try:
        found = datetime.fromisoformat(text) if text[0].isdigit() else parsedate_to_datetime(text)
        return found.timestamp() - now if found.tzinfo is not None else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
