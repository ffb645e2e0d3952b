"""Whether another key fits into a pool's ledger. Purely computational.

The API server takes a Secret of a megabyte, and not a byte more: a ledger that is larger could not be written, and what
could not be written must not be done. So ordinary keys stop long before; what answers a leak has room beyond that.
"""

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.reasons import Reason

MOST, MOST_URGENT = 768 * 1024, 896 * 1024
"""Bytes of a ledger up to which ordinary keys, and urgent ones, are made."""
_RECORD, _NEW_VALUE = 900, 5000
"""Bytes of a record without its texts; and at most of the value and handle of a key that is yet to be made."""


def size_of(ledger: Ledger) -> int:
    """About how large the ledger is when it is written, in bytes; rather too many."""
    return _RECORD + sum(_RECORD + _texts(key.models) + len(key.handle or "") + _length(key) for key in ledger.keys)


def fits(ledger: Ledger, models: tuple[str, ...], *, urgent: bool) -> int:
    """How many more keys, of these models, fit."""
    left = (MOST_URGENT if urgent else MOST) - size_of(ledger)
    return max(0, left // (_RECORD + _texts(models) + _NEW_VALUE))


def full(ledger: Ledger, models: tuple[str, ...]) -> Problem | None:
    """Why no ordinary key is made any more."""
    if fits(ledger, models, urgent=False) > 0:
        return None
    text = (
        f"the pool's ledger has {len(ledger.keys)} keys and {size_of(ledger) // 1024} KiB, nearly as much as a Secret "
        "may have, so new keys are made only where one is leaked, rejected or expires: make spec.size or "
        "spec.key.models smaller, or revoke keys that are owed or held"
    )
    return Problem(Reason.LEDGER_FULL, text)


def _texts(texts: tuple[str, ...]) -> int:
    return sum(len(text) + 3 for text in texts)


def _length(key: KeyRecord) -> int:
    if key.value is not None:
        return len(key.value.get_secret_value())
    return _NEW_VALUE if key.state in {KeyState.INTENDED, KeyState.UNRESOLVED} else 0
