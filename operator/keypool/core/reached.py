"""Where an account was reached: from then on keys may exist there, and no edit leads its credential, or the keys, away.

The API server refuses such an edit as soon as the status says so. This is for the moment before that, and for a status
that somebody changed. Purely computational.
"""

from keypool.core.observation import Problem
from keypool.core.reasons import Reason


def moved(asked: tuple[str, ...], reached: tuple[str, ...] | None) -> Problem | None:
    """Why the endpoints that are `asked` for are not used: the account was reached at others; None where it was not, or
    at these."""
    if reached is None or asked == reached:
        return None
    text = (
        f"spec.endpoints: the account was reached at {', '.join(reached)} before, and keys belong to one account: put "
        "that back, or make a new provider object"
    )
    return Problem(Reason.ENDPOINT_REFUSED, text[:500])
