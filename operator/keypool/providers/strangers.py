"""Entries of a listing that cannot be read and cannot be ours: other people's, which spoil no listing of ours."""

import re
from collections.abc import Callable
from typing import Any

from keypool.core.naming import BEGINS
from keypool.providers.adapter import HANDLE
from keypool.providers.protocol import ListedKey

Passed = Callable[[dict[str, Any]], tuple[str, ListedKey] | None]
"""Of an entry that cannot be read: its id, "" where it has none that can be read, and as what it is listed; None where
it may be one of ours."""


def named_otherwise(id_field: str, name_field: str, form: str = HANDLE, prefix: str = "") -> Passed:
    """Each key of ours has a name that keypool gave it: what has another one, or null, is somebody else's. Where
    nothing is said of its name, it may be ours. It is listed by its id, as active: a key of ours that somebody renamed
    is not taken for gone. `prefix`: what stands before the id in a handle."""

    def passed(entry: dict[str, Any]) -> tuple[str, ListedKey] | None:
        name, id_ = entry.get(name_field, 0), entry.get(id_field)
        if not (name is None or (isinstance(name, str) and not name.startswith(BEGINS))):
            return None
        known = id_ if isinstance(id_, str) and re.fullmatch(form, id_) else ""
        return known, ListedKey(f"{prefix}{known}", "", None, active=True)

    return passed
