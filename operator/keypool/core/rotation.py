"""When a key is due to be replaced, and why. Purely computational."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from keypool.core.effective import Effective
from keypool.core.ledger import KeyRecord
from keypool.core.naming import jitter

SPREAD = 0.05
"""A key serves up to 5 % less than the interval, by its name, so that pools made together do not rotate together."""


class Why(StrEnum):
    """Why a key was made; recorded with it, shown in the audit log and as the reason of the next rotation."""

    SLOT_EMPTY = "slot empty"
    REJECTED = "key rejected"
    COMPROMISED = "compromised"
    EXPIRY = "expiry"
    REQUESTED = "requested"
    SPEC = "spec changed"
    PROVIDER = "provider object made anew"
    INTERVAL = "interval"
    SUPPLIED = "supplied by people"


URGENT = frozenset({Why.SLOT_EMPTY, Why.REJECTED, Why.COMPROMISED, Why.EXPIRY})
"""These wait neither for a draining key in the slot; all others are ordinary rotations."""


def is_compromised(key: KeyRecord) -> bool:
    """Whether a person reported that the key leaked."""
    return key.asked == Why.COMPROMISED


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """From `at` on the key should be replaced."""

    at: datetime
    why: Why


def rotation_due(key: KeyRecord, spec: Effective, template: str) -> Due:
    """When an active key is due; one that people made, when they are asked for another. Never before half of its life,
    so that odd expiries cannot cause a storm."""
    born = key.created_at or key.intended_at
    if key.why == Why.SUPPLIED:
        return Due(born if key.asked else born + min(spec.lifetime, spec.every) - spec.renew_before, Why.INTERVAL)
    if key.asked is not None:
        return Due(born, Why(key.asked))
    if key.template != template:
        return Due(born, Why.SPEC)
    return min(renewal_due(key, spec), Due(born + spec.every * key.share, Why.INTERVAL))


def renewal_due(key: KeyRecord, spec: Effective) -> Due:
    """When an active key has to be replaced because it is to expire, whatever else it is due for."""
    born = key.created_at or key.intended_at
    expires = min(key.expires_at, born + spec.lifetime)
    return Due(max(expires - spec.renew_before, born + (expires - born) / 2), Why.EXPIRY)


def share_of_interval(why: Why, slot: int, size: int, name: str) -> float:
    """The part of the interval that a new key serves: the first keys of a pool less, so that its slots take turns.

    After an expiry it is the whole: where keys live shorter than the interval, each second one would be cut short.
    """
    turn = 1.0 if why in (Why.INTERVAL, Why.EXPIRY) else (slot + 1) / size
    return turn * (1 - SPREAD * jitter(name))
