"""One request from its first attempt to its answer, as the policy says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from keypool_client.policy.choosing import Chooser, Exchange
from keypool_client.policy.steps import Hand, Refuse, Send, Wait
from keypool_client.relay import handing, streams, tunnel, usage
from keypool_client.relay.answers import Answer
from keypool_client.relay.asked import Asked
from keypool_client.relay.attempt import Attempt
from keypool_client.relay.bodies import Flowing, TooSlow
from keypool_client.relay.buffers import Buffers
from keypool_client.relay.holder import REJECTIONS, Holding, Place, place
from keypool_client.relay.metrics import Metrics
from keypool_client.relay.notes import Notes
from keypool_client.relay.settings import Settings
from keypool_client.relay.upstream import Upstream
from keypool_client.wire.errors import Code, Refusal

Clock = Callable[[], float]
OWN = {
    Code.UNREACHABLE: "no endpoint could be connected to",
    Code.NO_ANSWER: "the provider did not answer in time",
    Code.BROKEN_ANSWER: "the provider's answer was cut, or was none",
}
REFUSED = "there is no key to send this with: see the pool's status, and the relay's log"


@dataclass(frozen=True, slots=True)
class Parts:
    """What all requests share."""

    settings: Settings
    chooser: Chooser
    upstream: Upstream
    buffers: Buffers
    metrics: Metrics
    notes: Notes
    holding: Holding
    clock: Clock
    """Monotonic seconds."""
    day: Clock
    """Seconds since 1970."""


class Serving:
    """`await Serving(parts, asked, exchange).answered()`."""

    def __init__(self, parts: Parts, asked: Asked, exchange: Exchange) -> None:
        self._parts, self._asked, self._exchange = parts, asked, exchange
        self._last: Attempt | None = None
        self._kept: Answer | None = None
        """The last answer that came; it is handed on where nothing better does."""
        self._used: list[Place] = []
        """Keys that this request was sent with: its pod holds them until it ends."""

    async def answered(self) -> web.StreamResponse:
        """What the client gets. Raises TooSlow, and ConnectionError where the client is gone."""
        clock = self._parts.clock
        try:
            while True:
                step = self._exchange.next(clock())
                if isinstance(step, Send):
                    attempt = await self._attempt(step)
                    if attempt.answer is not None and attempt.failure is None:
                        return await self._succeeded(attempt, attempt.answer)
                    self._failed(attempt)
                elif isinstance(step, Wait):
                    self._asked.waited = True
                    await asyncio.sleep(step.seconds)
                else:
                    return await self._ended(step)
        except (asyncio.CancelledError, ConnectionError, TooSlow):
            self._exchange.abandoned(clock())
            raise
        finally:
            if self._kept is not None:
                self._kept.close()
            for key in self._used:
                self._parts.holding.ended(key)

    async def _attempt(self, send: Send) -> Attempt:
        parts, asked = self._parts, self._asked
        asked.attempts, asked.last = send.attempt, send
        self._last = attempt = Attempt(asked, send, parts.clock)
        self._used.append(place(send.pool.name, send.key))
        parts.holding.began(self._used[-1], parts.day())
        names = parts.settings.models.get(send.pool.name, {})
        await attempt.make(parts.upstream, names, parts.day, keep_organization=parts.settings.keep_organization)
        if attempt.answer is not None:
            if self._kept is not None:
                self._kept.close()
            self._kept = attempt.answer
        elif isinstance(asked.body, Flowing) and asked.body.too_slow:
            raise TooSlow
        asked.failure = attempt.failure or "none"
        parts.metrics.attempt(send.pool.name, send.key.id, asked.failure)
        return attempt

    def _failed(self, attempt: Attempt) -> None:
        now = self._parts.clock()
        self._exchange.ended(attempt.outcome(), now)
        self._parts.notes.write(now, attempt.told())
        if attempt.failure in REJECTIONS:
            self._parts.holding.rejected(self._used[-1], self._parts.day())

    async def _succeeded(self, attempt: Attempt, answer: Answer) -> web.StreamResponse:
        parts, asked = self._parts, self._asked
        parts.holding.accepted(self._used[-1], parts.day() - answer.first_byte)
        if answer.rest is None and not answer.stream:
            self._exchange.ended(attempt.outcome(), parts.clock())
            asked.outcome = "answered"
            if asked.route.call is not None:
                parts.metrics.tokens(asked, usage.tokens(answer.begun))
            return handing.whole(answer, asked)
        self._exchange.committed(parts.clock())
        if answer.stream:
            parts.metrics.first(asked, parts.clock() - asked.began)
        out, clean = await self._passed_on(answer)
        self._exchange.ended(attempt.outcome(broken=not clean), parts.clock())
        asked.outcome = "answered" if clean else "broken"
        if not clean:
            asked.failure = "transient"
        parts.metrics.tokens(asked, answer.tokens)
        return out

    async def _passed_on(self, answer: Answer) -> tuple[web.StreamResponse, bool]:
        if answer.status == 101:
            out = await tunnel.join(answer, self._asked, handing.headers_of(answer, self._asked))
            handing.close(self._asked)
            return out, True
        out = await handing.begin(answer, self._asked)
        if answer.stream and answer.failure is None:
            clean = await streams.pass_on(answer, out, self._asked)
        else:
            clean = await handing.pass_on(answer, out)
        if not clean:
            handing.close(self._asked)
        return out, clean

    async def _ended(self, step: Hand | Refuse) -> web.StreamResponse:
        """Without a success."""
        asked, answer = self._asked, self._kept
        if isinstance(step, Refuse):
            asked.outcome = "refused"
            return handing.own(Refusal(Code(step.code), REFUSED, asked.route.dialect), step.retry_after, asked)
        asked.outcome = "failed"
        self._parts.metrics.handed(step.why)
        if answer is None:
            code = Code.UNREACHABLE if self._last is None else self._last.code
            return handing.own(Refusal(code, OWN[code], asked.route.dialect), None, asked)
        if answer.rest is None and not answer.stream:
            return handing.whole(answer, asked)
        out, _ = await self._passed_on(answer)
        return out
