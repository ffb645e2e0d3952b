"""From a client's request to its answer: attempts one after the other, as the policy says."""

import logging
from asyncio import CancelledError, sleep
from collections.abc import Callable, Sequence

from aiohttp import web

from keypool_client.model import Dialect, Pool
from keypool_client.policy.choosing import Chooser, Exchange
from keypool_client.policy.steps import Hand, Refuse, Request, Send, Wait
from keypool_client.relay import budget, handing, standin, streams, tunnel
from keypool_client.relay.answers import Answer
from keypool_client.relay.asked import Asked
from keypool_client.relay.attempt import Attempt
from keypool_client.relay.bodies import TooSlow, take
from keypool_client.relay.buffers import Buffers, Lease
from keypool_client.relay.metrics import Metrics
from keypool_client.relay.settings import Settings
from keypool_client.relay.upstream import Upstream
from keypool_client.wire.errors import Code, Refusal
from keypool_client.wire.urls import Route, route

MOST_OPEN = 2_000
NO_KEY = "there is no key to send this with: see the pool's status, and the relay's log"
log = logging.getLogger(__name__)
Clock = Callable[[], float]


class Relay:
    """Answers every request on the loopback port."""

    def __init__(
        self,
        settings: Settings,
        chooser: Chooser,
        upstream: Upstream,
        buffers: Buffers,
        metrics: Metrics,
        *,
        clock: Clock,
        day: Clock,
    ) -> None:
        self._settings, self._chooser, self._upstream, self._buffers = settings, chooser, upstream, buffers
        self._metrics, self._clock, self._day = metrics, clock, day
        self._dialects: frozenset[Dialect] = frozenset()
        self.open = 0
        self._closed = clock()

    def update(self, pools: Sequence[Pool]) -> None:
        """The files changed."""
        self._dialects = frozenset(dialect for pool in pools for dialect in pool.dialects)

    def busy_until(self) -> float:
        """When the last request ended; now, while one is open."""
        return self._clock() if self.open else self._closed

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.open >= MOST_OPEN:
            self._metrics.turned_away.inc()
            return handing.own(Refusal(Code.TOO_BUSY, f"{MOST_OPEN} requests are open; try again soon"), 1.0)
        self.open += 1
        try:
            with self._buffers.lease() as lease:
                return await self._placed(request, lease)
        finally:
            self.open -= 1
            self._closed = self._clock()

    async def _placed(self, request: web.BaseRequest, lease: Lease) -> web.StreamResponse:
        where = route(request.method, request.raw_path, self._dialects, request.headers.items())
        if isinstance(where, Refusal):
            return handing.own(where)
        try:
            asked = await self._asked(request, where, lease)
        except TooSlow:
            return handing.own(Refusal(Code.BAD_TARGET, "the body did not come in time", where.dialect))
        exchange = self._chooser.begin(asked.policy, self._clock())
        try:
            return await self._exchanged(asked, exchange)
        except (CancelledError, ConnectionError):
            exchange.abandoned(self._clock())
            raise
        finally:
            self._metrics.count(asked, self._clock() - asked.began)

    async def _asked(self, request: web.BaseRequest, where: Route, lease: Lease) -> Asked:
        began = self._clock()
        body = await take(request, lease, self._settings.body_seconds)
        held = body is None or isinstance(body, bytes)
        facts = standin.facts(where, body if isinstance(body, bytes) else None)
        policy = Request(
            dialect=where.dialect,
            model=facts.model,
            stateless=held and facts.stateless,
            resendable=held,
            deadline=began + budget.seconds(request.headers),
            safe_only=request.headers.get("x-keypool-retry") == "safe",
            repeatable=request.method in {"GET", "HEAD"},
        )
        return Asked(request, where, body, lease, facts.model, facts.stream, policy, began)

    async def _exchanged(self, asked: Asked, exchange: Exchange) -> web.StreamResponse:
        best: Attempt | None = None
        while True:
            step = exchange.next(self._clock())
            if isinstance(step, Send):
                attempt = await self._attempt(asked, step)
                if attempt.answer is not None:
                    best = _better(best, attempt)
                    if attempt.failure is None:
                        return await self._succeeded(asked, attempt, attempt.answer, exchange)
                exchange.ended(attempt.outcome(), self._clock())
                attempt.note()
            elif isinstance(step, Wait):
                asked.waited = True
                await sleep(step.seconds)
            elif isinstance(step, Refuse):
                asked.outcome = "refused"
                told = Refusal(Code(step.code), NO_KEY, asked.route.dialect)
                return handing.own(told, step.retry_after, asked)
            else:
                return await self._handed(asked, best, step)

    async def _attempt(self, asked: Asked, send: Send) -> Attempt:
        asked.attempts, asked.last = send.attempt, send
        attempt = Attempt(asked, send, self._upstream, self._clock, self._day)
        names = self._settings.models.get(send.pool.name, {})
        await attempt.made(asked.url(send, names), keep_organization=self._settings.keep_organization)
        asked.failure = attempt.failure or "none"
        self._metrics.attempt(send.pool.name, send.key.id, asked.failure)
        return attempt

    async def _succeeded(
        self, asked: Asked, attempt: Attempt, answer: Answer, exchange: Exchange
    ) -> web.StreamResponse:
        if answer.rest is None:
            exchange.ended(attempt.outcome(), self._clock())
            asked.outcome = "answered"
            return handing.whole(answer, asked)
        exchange.committed(self._clock())
        try:
            if answer.status == 101:
                out, clean = await tunnel.join(answer, asked, handing.headers_of(answer, asked)), True
            else:
                out = await handing.begin(answer, asked)
                clean = await (streams.pass_on(answer, out, asked) if answer.stream else handing.rest(answer, out))
        finally:
            answer.close()
        exchange.ended(attempt.outcome(broken=not clean), self._clock())
        asked.outcome = "answered" if clean else "broken"
        if not clean:
            handing.abort(asked)
        return out

    async def _handed(self, asked: Asked, best: Attempt | None, step: Hand) -> web.StreamResponse:
        self._metrics.handed(step.why)
        asked.outcome = "failed"
        if best is None or best.answer is None:
            return handing.own(Refusal(Code.UNREACHABLE, "no endpoint answered", asked.route.dialect), None, asked)
        if best.answer.rest is None:
            return handing.whole(best.answer, asked)
        try:
            out = await handing.begin(best.answer, asked)
            if not await handing.rest(best.answer, out):
                handing.abort(asked)
        finally:
            best.answer.close()
        return out


def _better(before: Attempt | None, after: Attempt) -> Attempt:
    """The last answer counts; what is left of the one before is not needed."""
    if before is not None and before.answer is not None:
        before.answer.close()
    return after
