"""What an attempt came to."""

from dataclasses import dataclass
from enum import StrEnum


class FailureClass(StrEnum):
    """Why an attempt failed: it decides about the key and about the request."""

    CREDENTIAL = "credential"
    """The key is dead: unknown, deleted, disabled or expired."""
    EXHAUSTED = "exhausted"
    """No credit, quota or budget is left until a reset."""
    RATE_LIMITED = "rate_limited"
    """Too many requests or tokens just now."""
    FORBIDDEN = "forbidden"
    """The key is good, but not for this model, scope or region."""
    CALLER = "caller"
    """The request itself is wrong: every key would get the same answer."""
    TRANSIENT = "transient"
    """The provider or the way to it failed."""
    UNKNOWN = "unknown"
    """A 401 that no row knows: perhaps the key, perhaps not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    failure: FailureClass | None
    """None: it succeeded."""
    began: float
    """When it was sent, in monotonic seconds."""
    first_byte: float | None
    """Seconds from its start to the first byte of an answer; None: there was no answer."""
    retry_after: float | None = None
    """After how many seconds the provider wants to be asked again: what `classify` returned."""
    ambiguous: bool = False
    """The connection was lost after the request was sent, without a status: perhaps it was carried out."""
    fresh_needed: bool = False
    """A reused connection closed before one byte of an answer: the attempt is made again and counts for nothing."""

    @property
    def unsent(self) -> bool:
        """No connection came about: the provider had no work with it."""
        lost = self.failure is FailureClass.TRANSIENT and self.first_byte is None
        return lost and not self.ambiguous and not self.fresh_needed
