"""The operator's clock: it counts monotonic time from the hour that the API server told, and never jumps.

The wall clock of a node may be set at any moment, and so may the API server's. Neither moves this clock: it is anchored
once, to the `Date` header of an API server's answer, when a leadership begins, and corrected by slewing. The three
clocks agree while none is further than `TOLERANCE` from ours; only then may time be a reason to revoke anything.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from keypool.core.trust import TOLERANCE

SLEW = 0.001
"""Seconds by which a second may be made longer or shorter to follow the API server's clock."""
RESOLUTION = 1.0
"""Seconds: a `Date` of 12:00:00 was written somewhere from 12:00:00 up to 12:00:01."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Our time is the monotonic clock plus `offset` seconds; it was corrected last at `corrected`, on that clock."""

    offset: float
    corrected: float


def deviation(offset: float, date: float, sent: float, received: float) -> float:
    """Seconds by which a `Date` lies ahead of us; 0 when it fits what can be known: the answer was written at some
    moment between `sent` and `received`, which are monotonic."""
    lowest, highest = date - received, date + RESOLUTION - sent
    return min(max(offset, lowest), highest) - offset


def corrected(anchor: Anchor | None, date: float, sent: float, received: float) -> Anchor:
    """The anchor after an answer. The first one sets it; later ones slew it, and a jump leaves it where it is."""
    if anchor is None:
        return Anchor(date + RESOLUTION / 2 - (sent + received) / 2, received)
    error = deviation(anchor.offset, date, sent, received)
    if abs(error) > TOLERANCE.total_seconds():
        return anchor
    most = SLEW * max(received - anchor.corrected, 0.0)
    return Anchor(anchor.offset + min(max(error, -most), most), received)


class AnchoredClock:
    """`now()` is aware UTC and never goes back. `wall`: the node's clock; `steady`: monotonic seconds."""

    def __init__(self, wall: Callable[[], datetime], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self._anchor: Anchor | None = None
        self._header, self._heard = "", -math.inf
        self._api_ahead = 0.0
        self._latest: datetime | None = None
        self._agreed = True

    def heard(self, header: str, seconds: float) -> None:
        """The API server answered just now, `seconds` after it was asked, with this `Date` header."""
        received = self._steady()
        if header == self._header and received - self._heard < RESOLUTION:
            return
        try:
            date = parsedate_to_datetime(header).timestamp()
        except ValueError:
            return
        self._header, self._heard = header, received
        self._anchor = corrected(self._anchor, date, received - seconds, received)
        self._api_ahead = deviation(self._anchor.offset, date, received - seconds, received)
        self._tell()

    def now(self) -> datetime:
        """The wall clock's time before an API server was heard."""
        if self._anchor is None:
            return self._wall()
        moment = datetime.fromtimestamp(self._steady() + self._anchor.offset, UTC)
        self._latest = moment if self._latest is None else max(moment, self._latest)
        return self._latest

    def agrees(self) -> bool:
        """Whether wall clock, API server and we differ by no more than `TOLERANCE`; not before the first answer."""
        limit = TOLERANCE.total_seconds()
        return self._anchor is not None and abs(self.wall_ahead()) <= limit and abs(self._api_ahead) <= limit

    def wall_ahead(self) -> float:
        """Seconds by which the node's clock is ahead of ours."""
        return (self._wall() - self.now()).total_seconds()

    def api_ahead(self) -> float:
        """Seconds by which the API server's clock was ahead of ours when it answered last."""
        return self._api_ahead

    def _tell(self) -> None:
        """Once for each change."""
        before, self._agreed = self._agreed, self.agrees()
        facts = {"wall_ahead": round(self.wall_ahead(), 1), "api_ahead": round(self._api_ahead, 1)}
        if before and not self._agreed:
            _log.warning("the clocks disagree: nothing is revoked on grounds of time", extra=facts)
        elif self._agreed and not before:
            _log.info("the clocks agree again", extra=facts)
