"""From an answer to a failure class: the body first, the status second."""

from collections.abc import Mapping
from dataclasses import dataclass

from keypool_client.model import Dialect
from keypool_client.policy.outcome import FailureClass


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
    del dialect, kind, headers, body, now
    classes = {401: FailureClass.CREDENTIAL, 402: FailureClass.EXHAUSTED, 429: FailureClass.RATE_LIMITED}
    if status >= 500 or status == 408:
        return Verdict(FailureClass.TRANSIENT, f"status-{status}")
    return Verdict(classes.get(status, FailureClass.CALLER), f"status-{status}")
