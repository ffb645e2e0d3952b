"""One row: what an answer looks like, and what it means."""

from dataclasses import dataclass

from keypool_client.model import Dialect
from keypool_client.policy.outcome import FailureClass


@dataclass(frozen=True, slots=True)
class Row:
    """All that is given has to hold; what is empty holds for every answer."""

    id: str
    """Unique; shown in logs and metrics."""
    failure: FailureClass
    source: str
    """Where the body was recorded, or the page that says so, with the date it was read."""
    kinds: tuple[str, ...] = ()
    """Kinds of providers, as manifests write them."""
    dialects: tuple[Dialect, ...] = ()
    statuses: tuple[int, ...] = ()
    """HTTP statuses; an error event within a stream has its own code, or none."""
    names: tuple[str, ...] = ()
    """One of them is the error's code, type, status or reason in the body."""
    words: tuple[str, ...] = ()
    """One of them is in the error's message, in small letters."""
    begins: bool = False
    """The message begins with one of the words."""
