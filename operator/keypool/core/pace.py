"""How fast people may have new keys made, however they ask: by annotation, spec, size, or by deleting and making anew.

Only new keys wait. Marking and revoking a leak never do; nor does what expires, is rejected, or is due by its interval.
No I/O, no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keypool.core.ledger import KeyRecord
from keypool.core.rotation import Due, Why

FLOOR = timedelta(minutes=1)
"""Between two keys that are made for one slot because people want them."""
WINDOW, FREE, TIMES = timedelta(minutes=10), 60, 2
"""In so long a namespace gets so many keys, and so many times as many as its pools ask for."""
ASKED = frozenset({Why.REQUESTED, Why.SPEC, Why.PROVIDER})
COUNTED = ASKED | {Why.SLOT_EMPTY}
SLOWED = COUNTED | {Why.COMPROMISED}
"""COUNTED of a namespace, SLOWED of a slot. A leaked key's successor is always made."""


@dataclass(frozen=True, slots=True)
class LastKeys:
    """When a slot last got a key: because people `asked`; because its key was reported, or was taken away (`lost`). So
    a rotation that is asked for never uses up a leak's turn."""

    asked: datetime | None = None
    lost: datetime | None = None

    def after(self, why: str, at: datetime, *, again: bool) -> "LastKeys":
        """The same when a key was made; `again`: the empty slot had a published key before."""
        if why in ASKED:
            return replace(self, asked=at)
        return replace(self, lost=at) if why == Why.COMPROMISED or (why == Why.SLOT_EMPTY and again) else self

    def next(self, why: Why, floor: timedelta) -> datetime | None:
        """When a key may be made for that reason; None for at any time."""
        if why not in SLOWED:
            return None
        last = max(filter(None, (self.lost, self.asked if why in ASKED else None)), default=None)
        return last + floor if last is not None else None


NONE = LastKeys()


def paced(due: Due, slot: int, key: KeyRecord | None, turns: Mapping[int, LastKeys], floor: timedelta) -> Due:
    """Not before the slot's turn. What the slot's `key` was made for is known after a restart, too."""
    known = turns.get(slot, NONE)
    turn = known.next(due.why, floor)
    if key is not None:
        was = NONE.after(key.why, key.created_at or key.intended_at, again=False).next(due.why, floor)
        turn = max(filter(None, (turn, was)), default=None)
    return Due(max(due.at, turn), due.why) if turn is not None else due
