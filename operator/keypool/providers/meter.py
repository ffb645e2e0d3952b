"""What counts the requests to an account, and lets each wait for its turn."""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from typing import Protocol


class Meter(Protocol):
    """Of one account, whichever client of it sends the request."""

    def turn(self, what: str, *, patient: bool) -> AbstractAsyncContextManager[None]:
        """Around one request: enters when it may be sent. Raises Throttled when that would take too long, or is not
        now and it is not `patient`: nothing was sent, and the message begins with `what`."""
        ...

    def throttled(self, retry_after: timedelta | None) -> None:
        """The provider asks for fewer requests: none is sent for so long (None: it did not say)."""
        ...


class Unmetered:
    """Counts nothing."""

    def turn(self, _what: str, *, patient: bool) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - by name
        """At once."""
        return nullcontext()

    def throttled(self, retry_after: timedelta | None) -> None:
        """Whoever called hears of it."""
