"""Keys that are owed count against their namespace: whoever leaves many behind gets no new pools. No I/O.

A quota counts objects; a pool that is deleted leaves its keys to be revoked, which no quota counts.
"""

from keypool.core.ledger import Ledger
from keypool.core.observation import Problem
from keypool.core.reasons import Reason

MOST_OWED = 100
"""Keys that a namespace may owe before its new pools wait."""


def is_new(ledger: Ledger) -> bool:
    """Whether the pool never had a key: successors and leaks of others are never refused."""
    return not ledger.keys and ledger.satisfied_generation is None and ledger.primary is None


def too_many(namespace: str, owed: int) -> Problem | None:
    """Why a new pool gets no keys yet; None when it may."""
    if owed <= MOST_OWED:
        return None
    return Problem(
        Reason.KEYS_OWED,
        f"{owed} keys of deleted pools of namespace {namespace} are not confirmed revoked, and new pools wait while "
        f"there are more than {MOST_OWED}: it goes on by itself when their provider confirms them, or when an "
        "administrator gives them up (docs/recovery.md, keypool.dev/abandon)",
        stalls=False,
    )
