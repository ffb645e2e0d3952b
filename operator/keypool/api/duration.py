"""Durations as Go writes them ("1h30m", "720h"), which is how Kubernetes users know them."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_NUMBER = r"[0-9]{1,6}(\.[0-9]{1,3})?"
PATTERN = rf"^({_NUMBER}h)?({_NUMBER}m)?({_NUMBER}s)?({_NUMBER}ms)?$"
"""What the CRD accepts, beside that it is not empty. Python's `re` and the API server's RE2 read it alike.

Days are absent on purpose: Go has none, because a day may last 23 or 25 hours. Each unit stands once and has at most
six digits, so that nothing overflows: the longest is below Go's limit of 292 years.
"""

MAX_LENGTH = 32
"""Longest text of a duration, in characters."""

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def parse(text: str) -> timedelta:
    """Reads a duration such as "1h30m". Raises ValueError with the right form when it is none."""
    if not text or len(text) > MAX_LENGTH or not re.fullmatch(PATTERN, text):
        raise ValueError('must be a duration such as "90s", "30m" or "720h"')
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def render(duration: timedelta) -> str:
    """Writes a duration as Go does, in whole seconds: 5400 s is "1h30m", 0 is "0s"."""
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds}s" if seconds else ""]
    return "".join(parts) or "0s"


def _coerce(value: object) -> object:
    return parse(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_coerce), Field(json_schema_extra={"x-keypool-duration": True})]
"""A pydantic field that reads Go's notation; in the CRD it is a string that `crd_rules` bounds."""
