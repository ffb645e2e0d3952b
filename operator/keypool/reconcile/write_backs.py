"""Pauses for a status that somebody else writes again and again. What is new is written at once all the same."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keypool.reconcile.memory import AT_ONCE, CALM, FIRST_PAUSE, LONGEST_REPAIR


@dataclass(slots=True)
class _Status:
    """`digest`: of what was written last; it was written `back` so many times in a row, the last one `at` then."""

    digest: bytes
    back: int = 0
    at: datetime | None = None


class WriteBacks:
    """Of the objects of one kind, by UID, as this leadership wrote them. `now`: the clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._written: dict[str, _Status] = {}

    def wait(self, uid: str, status: Mapping[str, Any]) -> float:
        """Seconds until a status that is to be written may be: 0 unless it is what was written last, so that somebody
        else changed it, again and again."""
        known = self._written.get(uid)
        if known is None or known.at is None or known.back < AT_ONCE or known.digest != _digest(status):
            return 0.0
        pause = _pause_after(known.back)
        return min(max((known.at + pause - self._now()).total_seconds(), 0.0), pause.total_seconds())

    def written(self, uid: str, status: Mapping[str, Any]) -> None:
        """It stands there now."""
        known, digest, now = self._written.get(uid), _digest(status), self._now()
        if known is None or known.digest != digest:
            self._written[uid] = _Status(digest)
            return
        calm = known.at is not None and now - known.at > _pause_after(known.back) + CALM
        known.back, known.at = 1 if calm else known.back + 1, now

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._written.pop(uid, None)


def _pause_after(times: int) -> timedelta:
    return min(FIRST_PAUSE * float(2 ** min(max(times - AT_ONCE, 0), 12)), LONGEST_REPAIR)


def _digest(status: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(status, sort_keys=True).encode()).digest()
