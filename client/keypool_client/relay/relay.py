"""The door: admits a request of this pod's programs, finds out where it goes, and takes its body."""

from collections.abc import Sequence

from aiohttp import web

from keypool_client.model import Dialect, Pool
from keypool_client.policy.steps import Request
from keypool_client.relay import admin, budget, handing
from keypool_client.relay.asked import Asked
from keypool_client.relay.bodies import Flowing, TooSlow, take
from keypool_client.relay.buffers import Lease
from keypool_client.relay.peers import is_local
from keypool_client.relay.serving import Parts, Serving
from keypool_client.wire import requests
from keypool_client.wire.errors import Code, Refusal
from keypool_client.wire.urls import Route, route

MOST_OPEN = 2_000
FOREIGN = Refusal(Code.FOREIGN_HOST, "requests are taken from this pod alone")
BUSY = Refusal(Code.TOO_BUSY, f"{MOST_OPEN} requests are open; try again soon")
SLOW = "the body did not come in time"


class Relay:
    """Answers every request on the loopback port."""

    def __init__(self, parts: Parts, page: admin.Page) -> None:
        self._parts, self._page = parts, page
        self._dialects: frozenset[Dialect] = frozenset()
        self.open = 0
        self._closed = parts.clock()

    def update(self, pools: Sequence[Pool]) -> None:
        """The files changed."""
        self._dialects = frozenset(dialect for pool in pools for dialect in pool.dialects)

    def busy_until(self) -> float:
        """When the last request ended; now, while one is open."""
        return self._parts.clock() if self.open else self._closed

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.open >= MOST_OPEN:
            self._parts.metrics.turned_away.inc()
            return handing.own(BUSY, 1.0)
        if not is_local(request.protocol.peername):
            return handing.own(FOREIGN)
        self.open += 1
        try:
            with self._parts.buffers.lease() as lease:
                return await self._placed(request, lease)
        finally:
            self.open -= 1
            self._closed = self._parts.clock()

    async def _placed(self, request: web.BaseRequest, lease: Lease) -> web.StreamResponse:
        if request.raw_path in admin.PATHS:
            return self._page.answer(request, self._parts.clock())
        where = route(request.method, request.raw_path, self._dialects, request.headers.items())
        if isinstance(where, Refusal):
            if not self._dialects and where.code is Code.WRONG_DIALECT:
                return handing.own(Refusal(Code.NO_USABLE_KEY, admin.NO_FILE, where.dialect), 5.0)
            return handing.own(where)
        try:
            return await self._served(request, where, lease)
        except TooSlow:
            return handing.own(Refusal(Code.BODY_TOO_SLOW, SLOW, where.dialect))

    async def _served(self, request: web.BaseRequest, where: Route, lease: Lease) -> web.StreamResponse:
        parts, began = self._parts, self._parts.clock()
        body = await take(request, lease, parts.settings.body_seconds)
        facts = requests.asked(request.method, where, body if isinstance(body, bytes) else None)
        asked = Asked(request, where, body, lease, facts.model, facts.stream, began)
        policy = Request(
            dialect=where.dialect,
            model=facts.model,
            stateless=facts.stateless,
            resendable=not isinstance(body, Flowing),
            deadline=began + budget.seconds(request.headers),
            safe_only=request.headers.get("x-keypool-retry") == "safe",
            repeatable=facts.repeatable,
        )
        try:
            return await Serving(parts, asked, parts.chooser.begin(policy, began)).answered()
        finally:
            parts.metrics.count(asked, parts.clock() - began)
