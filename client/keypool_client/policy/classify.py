"""From an answer to a failure class: the body first, the status second."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from keypool_client.model import Dialect
from keypool_client.policy.body import Said, read
from keypool_client.policy.outcome import FailureClass
from keypool_client.policy.retry_after import retry_after
from keypool_client.policy.rows import ROWS
from keypool_client.policy.rows.row import Row


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer that is no success means."""

    failure: FailureClass
    row: str
    """The row that says so, for logs and metrics: never a part of the answer."""
    retry_after: float | None = None
    """Seconds until the provider wants to be asked again, bounded; None: it does not say."""


def classify(
    dialect: Dialect, kind: str, status: int, headers: Mapping[str, str], body: bytes, *, now: float = 0.0
) -> Verdict:
    """The verdict on an answer of a provider of this kind, or on an error event in a stream (with the stream's status).

    Headers' names are lower-case. `now` is the time of day in seconds since 1970, for a Retry-After that is a date.
    """
    said = read(body)
    stated = status if status >= 400 else said.status
    row = next(row for row in _rows(dialect, kind) if _matches(row, stated, said))
    return Verdict(row.failure, row.id, retry_after(headers, said.retry_after, now))


@cache
def _rows(dialect: Dialect, kind: str) -> tuple[Row, ...]:
    return tuple(
        row for row in ROWS if (not row.kinds or kind in row.kinds) and (not row.dialects or dialect in row.dialects)
    )


def _matches(row: Row, status: int | None, said: Said) -> bool:
    if row.statuses and status not in row.statuses and not (status is None and (row.names or row.words)):
        return False
    if row.names and said.names.isdisjoint(row.names):
        return False
    if not row.words:
        return True
    return any(said.message.startswith(word) if row.begins else word in said.message for word in row.words)
