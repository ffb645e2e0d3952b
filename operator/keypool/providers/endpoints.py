"""A provider's endpoints in order of preference, and which of them a call goes to.

All are doors to the same account. What is known about them lives in memory: after a start each is tried again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeGuard, TypeVar

from keypool.core.breaker import COOL_DOWN, FAILURES, Breaker, State, Ticket
from keypool.providers.errors import Ambiguous, EndpointRefused, ProviderError, PutOff, TooLarge, Unavailable
from keypool.providers.protocol import EndpointSeen

REPEATABLE = frozenset({"GET", "HEAD", "DELETE"})
"""Methods of calls that another endpoint is asked to carry out although one may have done so."""
_LEAST = 0.1
"""Seconds that another endpoint must have for its answer."""

Answered = TypeVar("Answered")
Send = Callable[[str, float], Awaitable[Answered | ProviderError]]
"""Sends a call to the endpoint with that URL, which has so many seconds to answer."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Endpoint:
    """`works`: it gave a usable answer since it was last open. `retry_at`: when it was to be tried again, as people
    read it. `no_connection`: why, where the last failure was that; what it answered may be for others' eyes."""

    url: str
    breaker: Breaker
    works: bool = False
    retry_at: str = ""
    no_connection: str = ""


class Endpoints:
    """`urls` in order of preference; `cool_down` seconds; `clock` gives monotonic seconds. `changed` is called when a
    breaker changes, or another endpoint is in use."""

    def __init__(
        self, urls: Sequence[str], cool_down: float = COOL_DOWN, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._all = [_Endpoint(url.rstrip("/"), Breaker(cool_down)) for url in urls]
        self._clock = clock
        self._in_use: _Endpoint | None = None
        self._told = self.seen()
        self.changed: Callable[[], None] = lambda: None

    @property
    def preferred(self) -> str:
        """The URL that is first, without a slash at its end."""
        return self._all[0].url

    def seen(self) -> tuple[EndpointSeen, ...]:
        """All of them, in order of preference. None is in use before the first usable answer."""
        now = self._clock()
        return tuple(
            EndpointSeen(it.url, it.breaker.state(now), it is self._in_use, it.breaker.retry_in(now))
            for it in self._all
        )

    async def ask(self, what: str, until: float, send: Send[Answered], *, repeatable: bool) -> Answered | ProviderError:
        """Sends a call to one endpoint after the other while none has answered, as far as that cannot do anything
        twice. `what` begins messages; `until` is of the loop's clock."""
        failure: ProviderError | None = None
        for endpoint, seconds in self._candidates(until, repeatable=repeatable):
            outcome = await self._try(endpoint, seconds, send)
            if not is_no_answer(outcome):
                return outcome
            failure = _graver(failure, outcome)
            if isinstance(outcome, Ambiguous) and not repeatable:
                break
        return failure if failure is not None else self._none_admits(what)

    def _candidates(self, until: float, *, repeatable: bool) -> Iterator[tuple[_Endpoint, float]]:
        """Those that a call may go to, and how long each may take: where another may be asked after it, half of what
        is left. What must not be done twice, such as a create, tries out no endpoint while another works."""
        works = any(endpoint.breaker.state(self._clock()) is State.CLOSED for endpoint in self._all)
        for index, endpoint in enumerate(self._all):
            now, left = self._clock(), until - asyncio.get_running_loop().time()
            tries_out = endpoint.breaker.state(now) is State.HALF_OPEN
            if (
                not endpoint.breaker.admits(now)
                or (index and left < _LEAST)
                or (tries_out and works and not repeatable)
            ):
                continue
            is_last = not any(other.breaker.admits(now) for other in self._all[index + 1 :])
            yield endpoint, left / 2 if repeatable and not is_last else left

    async def _try(self, endpoint: _Endpoint, seconds: float, send: Send[Answered]) -> Answered | ProviderError:
        ticket, worked, why = endpoint.breaker.admit(self._clock()), None, ""
        assert ticket is not None  # noqa: S101  # a candidate's breaker admits
        try:
            outcome = await send(endpoint.url, seconds)
            worked = not is_no_answer(outcome)
            why = str(outcome) if isinstance(outcome, ProviderError) else ""
            unmade = isinstance(outcome, Unavailable | EndpointRefused)
            endpoint.no_connection = why.partition(": ")[2] if unmade else ""
            return outcome
        finally:
            self._settle(endpoint, ticket, worked, why)

    def _none_admits(self, what: str) -> Unavailable:
        waits = [endpoint for endpoint in self._all if endpoint.breaker.state(self._clock()) is State.OPEN]
        when = f"at {min(it.retry_at for it in waits)}" if len(waits) == len(self._all) else "by another call right now"
        why = next((f" ({it.no_connection})" for it in waits if it.no_connection), "")
        return Unavailable(
            f"{what}: not sent, because {'every endpoint' if len(self._all) > 1 else 'the endpoint'} failed "
            f"{FAILURES} times in a row{why}; it is tried again {when}"
        )

    def _settle(self, endpoint: _Endpoint, ticket: Ticket, worked: bool | None, why: str) -> None:
        """How a call ended: None when nothing was learnt about the endpoint; `why` it did not work."""
        before, now = endpoint.breaker.state(self._clock()), self._clock()
        endpoint.breaker.settle(ticket, worked, now)
        after = endpoint.breaker.state(now)
        endpoint.works = after is State.CLOSED and (endpoint.works or bool(worked))
        if after is State.OPEN and before is not State.OPEN:
            retry = datetime.now(UTC) + timedelta(seconds=endpoint.breaker.retry_in(now))
            endpoint.retry_at = f"{retry:%Y-%m-%dT%H:%M:%SZ}"
            _log.warning("endpoint %s is not used until %s: %s", endpoint.url, endpoint.retry_at, why)
        elif after is State.CLOSED and before is not State.CLOSED:
            _log.info("endpoint %s works again", endpoint.url)
        self._in_use = next((it for it in self._all if it.works), self._in_use)
        self._tell()

    def _tell(self) -> None:
        now = self.seen()
        if [(it.state, it.in_use) for it in now] != [(it.state, it.in_use) for it in self._told]:
            self._told = now
            self.changed()


def is_no_answer(outcome: object) -> TypeGuard[ProviderError]:
    """Whether it tells that an endpoint does not work; everything else is an answer, one that is too large, too."""
    return isinstance(outcome, Ambiguous | Unavailable | EndpointRefused) and not isinstance(outcome, TooLarge | PutOff)


def _graver(before: ProviderError | None, now: ProviderError) -> ProviderError:
    """Of two endpoints' failures the one to tell: that it may have happened, then that a person must act."""
    for kind in (Ambiguous, EndpointRefused):
        if isinstance(before, kind) and not isinstance(now, kind):
            return before
    return now
