"""Between Kopf and the API server: our credential on each request, what the answers say about the watches, and what
they hold, which goes into the cache."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

import aiohttp

from keypool.cluster import paths
from keypool.cluster.cache import OPTIONAL, Kind
from keypool.cluster.connection import Connection
from keypool.cluster.pieces import Pace
from keypool.watch.liveness import Liveness, Place
from keypool.watch.taking import Take, TakenStream, take_page

_log = logging.getLogger(__name__)

REFUSED = "403: a right is missing, as with a RoleBinding that is not there"


class Middleware:
    """For one run of Kopf. `take(kind)` puts objects of a kind into the cache. Of a `sample`, the first object of each
    list stands for the whole."""

    def __init__(self, connection: Connection, liveness: Liveness, take: Callable[[Kind], Take], sample: bool) -> None:
        self._connection, self._liveness, self._take, self._sample = connection, liveness, take, sample
        self._refused = set[Kind]()
        self._paces: defaultdict[tuple[Kind, Place], Pace] = defaultdict(Pace)
        self._pools_known: defaultdict[Place, asyncio.Event] = defaultdict(asyncio.Event)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sends one request of Kopf's."""
        if (authorization := await self._connection.authorization()) is not None:
            request.headers["Authorization"] = authorization
        request.server_hostname = self._connection.server_hostname
        kind, namespace = _what(request.url.path)
        if kind is None:
            return await handler(request)
        self._liveness.asked.add(kind)
        ask = self._watch if "watch" in request.url.query else self._list
        response = await ask(kind, namespace, request, handler)
        if response.status == 403 and kind in OPTIONAL:
            self._tell_refused(kind)
        elif response.status == 403:
            self._liveness.refuse(kind, namespace, REFUSED)
            self._pools_known[namespace].set()
        return response

    def _tell_refused(self, kind: Kind) -> None:
        if kind not in self._refused:
            _log.warning("no right to list and watch an optional kind: going on without", extra={"kind": kind.value})
        self._refused.add(kind)

    async def _watch(
        self, kind: Kind, namespace: Place, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        response = await handler(request)
        if response.status != 200:
            return response
        self._liveness.mark(kind, namespace)
        into_cache = self._take(kind)

        def take(event: str, obj: dict[str, object]) -> None:
            self._liveness.mark(kind, namespace)
            into_cache(event, obj)

        response.content = TakenStream(response.content, take)  # type: ignore[assignment,arg-type]
        return response

    async def _list(
        self, kind: Kind, namespace: Place, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Secrets come after the pools that claim them: which ones are kept is known only then."""
        if kind is Kind.SECRET and not self._sample:
            await self._pools_known[namespace].wait()
        if "continue" not in request.url.query:
            self._paces[kind, namespace] = Pace()
        pace = self._paces[kind, namespace]
        response, page = await take_page(request, handler, self._take(kind), pace, sample=self._sample)
        if kind is Kind.POOL and page is not None and not page.token:
            self._pools_known[namespace].set()
        return response


def _what(path: str) -> tuple[Kind | None, Place]:
    """The kind and the namespace of a list's path; no kind where it is none of ours."""
    plural, parts = paths.resource_of(path), path.split("/")
    if plural not in set(Kind):
        return None, None
    return Kind(plural), parts[-2] if parts[-3] == "namespaces" else None
