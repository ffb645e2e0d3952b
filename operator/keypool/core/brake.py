"""The brake: when a provider rejects most of an account's keys at once and yet lists them as active, it is the provider
that is wrong, and replacing all keys would make things worse. Purely computational.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

LEAST = 3
"""So many keys at least: fewer may well have been disabled one by one."""


class Grip(Enum):
    """FREE: nothing is held. UNSURE: nothing is made or withdrawn until a listing or a probe tells more. ENGAGED: most
    keys are rejected although they are listed as active, and people are told."""

    FREE = "free"
    UNSURE = "unsure"
    ENGAGED = "engaged"


@dataclass(slots=True)
class Brake:
    """What is remembered of one account's probes; keys by name.

    `rejected`: their latest answer is no. `in_a_row`: rejected with no good probe of any key since. `lost`: rejected,
    and found not to be listed as active, so truly lost. `begun`: no probe was good since the process started.
    `released`: when a good probe last released it. `doubted`: a listing is to tell whether a key that a pod reports as
    rejected is truly lost, also while nothing is held.
    """

    grip: Grip = Grip.FREE
    rejected: set[str] = field(default_factory=set)
    in_a_row: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    begun: bool = True
    released: datetime | None = None
    doubted: bool = False

    def accept(self, key: str, at: datetime) -> bool:
        """A good probe releases the brake. True when it held."""
        held, self.grip, self.begun = self.grip is not Grip.FREE, Grip.FREE, False
        self.released = at if held else self.released
        self.rejected.discard(key)
        self.lost.discard(key)
        self.in_a_row.clear()
        return held

    def reject(self, key: str, *, reported: bool = False) -> bool:
        """A definite rejection. True when only a listing can tell what it means: from the third key on nothing is
        changed until then. Of a key that is reported one is asked for at its first rejection."""
        known = key in self.in_a_row
        self.rejected.add(key)
        if key in self.lost or known:
            return False
        self.in_a_row.add(key)
        self.doubted = self.doubted or reported
        if len(self.in_a_row) < LEAST:
            return reported
        self.grip = Grip.UNSURE if self.grip is Grip.FREE else self.grip
        return True

    def listed(self, known: Mapping[str, bool], active: Set[str]) -> None:
        """Decides by a complete listing. `known`: the account's published and withdrawn keys that have not expired, and
        whether each is withdrawn; `active`: those of them that are listed as active."""
        self.doubted = False
        bad = {key for key, withdrawn in known.items() if key in self.rejected or (withdrawn and self.begun)}
        self.lost |= bad - active
        self.in_a_row &= known.keys() - self.lost
        self.grip = grip(len(bad - self.lost), len(known.keys() - self.lost), len(self.in_a_row), begun=self.begun)

    def keep(self, existing: Set[str]) -> None:
        """Forgets keys that are in no ledger any more."""
        self.rejected &= existing
        self.in_a_row &= existing
        self.lost &= existing


def grip(bad: int, known: int, in_a_row: int, *, begun: bool) -> Grip:
    """`bad` of the `known` keys are rejected and listed as active; `in_a_row` of them without a good probe between.

    After a start the withdrawn keys count as rejected, and one is enough to wait for the first good probe.
    """
    if bad >= LEAST and 2 * bad > known:
        return Grip.ENGAGED
    if in_a_row >= LEAST or (begun and bad and known >= LEAST):
        return Grip.UNSURE
    return Grip.FREE
