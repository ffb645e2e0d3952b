"""Connections to the endpoints: TLS with each endpoint's own CA, proxies, deadlines, and what a failed call means."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.client_exceptions import ClientOSError
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from keypool_client.model import Endpoint, Pool
from keypool_client.proxies import bypassed, told

KEPT_SECONDS = 30.0
"""How long an idle connection is kept: shorter than load balancers keep theirs."""
_NO_CONTENT_TYPE: CIMultiDict[None] = CIMultiDict({"Content-Type": None})
Body = bytes | AsyncIterator[bytes] | None


class Leg:
    """What happened to the connection of one call."""

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made = False


_LEG: ContextVar[Leg | None] = ContextVar("leg", default=None)


class _Connector(TCPConnector):
    """Notes for which calls a connection was made: the others went over one that was used before."""

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 as the base has it
    ) -> ResponseHandler:
        if (leg := _LEG.get()) is not None:
            leg.made = True
        return await super()._create_connection(req, traces, timeout)


class _Request(ClientRequest):
    """Adds no header: what the client left out stays out. Told so by a list, aiohttp copies all headers each time."""

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:  # noqa: ARG002 as the base has it
        self._skip_auto_headers = _NO_CONTENT_TYPE


class Lost(Exception):
    """No answer came. `sent`: the request may have reached the provider. `fresh_needed`: a connection that had been
    used before was closed before one byte of an answer, as servers do with idle ones. `late`: a deadline passed."""

    def __init__(self, why: str, *, sent: bool, fresh_needed: bool = False, late: bool = False) -> None:
        super().__init__(why)
        self.sent, self.fresh_needed, self.late = sent, fresh_needed, late


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: for a connection, until an answer begins, and between two pieces of it."""

    connect: float
    first_byte: float
    idle: float


class Upstream:
    """All calls to endpoints. Redirects are not followed, cookies are not kept, nothing is decompressed."""

    def __init__(self, deadlines: Deadlines, environ: Mapping[str, str]) -> None:
        self._deadlines = deadlines
        self._proxies = _Proxies(environ)
        self._longest = deadlines.connect + deadlines.first_byte
        """For an endpoint that does not even read what it is sent, or whose answer never gets beyond its beginning:
        aiohttp's own deadline begins after the first, and with each byte of the second."""
        self._trusted: dict[str, ssl.SSLContext] = {}
        self._timeout = ClientTimeout(total=None, connect=deadlines.connect, sock_read=deadlines.first_byte)
        self._kept = self._session(force_close=False)
        self._fresh = self._session(force_close=True)

    def _session(self, *, force_close: bool) -> ClientSession:
        kept: dict[str, Any] = {} if force_close else {"keepalive_timeout": KEPT_SECONDS}
        return ClientSession(
            connector=_Connector(limit=0, force_close=force_close, **kept),
            cookie_jar=DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            request_class=_Request,
            max_line_size=16 * 1024,
            max_field_size=16 * 1024,
        )

    async def close(self) -> None:
        """Ends all connections."""
        await self._kept.close()
        await self._fresh.close()

    async def update(self, pools: tuple[Pool, ...]) -> None:
        """Reads the endpoints' certificates, which takes milliseconds for each, before one is used."""
        wanted = {endpoint.ca for pool in pools for endpoint in pool.endpoints if endpoint.ca}
        for ca in wanted - self._trusted.keys():
            self._trusted[ca] = await asyncio.to_thread(_trusting, ca)
        self._trusted = {ca: context for ca, context in self._trusted.items() if ca in wanted}

    async def send(
        self, method: str, url: str, headers: CIMultiDict[str], body: Body, endpoint: Endpoint, *, fresh: bool
    ) -> ClientResponse:
        """The answer as soon as its headers are there; raises Lost."""
        leg = Leg()
        token = _LEG.set(leg)
        session = self._fresh if fresh else self._kept
        try:
            async with asyncio.timeout(None if isinstance(body, AsyncIterator) else self._longest) as deadline:
                if isinstance(body, AsyncIterator):
                    body = _taken(body, deadline, self._deadlines)
                response = await session.request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    ssl=self._trusted.get(endpoint.ca, True) if endpoint.ca else True,
                    proxy=self._proxies.of(url),
                )
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise _lost(error, leg) from None
        finally:
            _LEG.reset(token)
        if (connection := response.connection) is not None and connection.protocol is not None:
            connection.protocol.read_timeout = self._deadlines.idle
        return response


async def _taken(pieces: AsyncIterator[bytes], deadline: asyncio.Timeout, deadlines: Deadlines) -> AsyncIterator[bytes]:
    """The pieces of an upload, each with time for the endpoint to take it; then it has time to answer. The client's
    pauses do not count, nor what is still sent once the answer has begun: that has its own deadline."""
    loop = asyncio.get_running_loop()
    async for piece in pieces:
        _due(deadline, loop.time() + deadlines.idle)
        yield piece
        _due(deadline, None)
    _due(deadline, loop.time() + deadlines.first_byte)


def _due(deadline: asyncio.Timeout, when: float | None) -> None:
    with suppress(RuntimeError):  # the answer has begun
        deadline.reschedule(when)


def _lost(error: Exception, leg: Leg) -> Lost:
    """The error's own text is left out: it may quote the request. A ValueError is raised before anything is sent."""
    why = type(error).__name__
    if isinstance(
        error, ClientConnectorError | ConnectionTimeoutError | ClientSSLError | ClientHttpProxyError | ValueError
    ):
        return Lost(f"no connection ({why})", sent=False)
    closed = isinstance(error, ClientOSError) or (isinstance(error, ServerDisconnectedError) and not _began(error))
    late = isinstance(error, TimeoutError)
    return Lost(f"no answer ({why})", sent=True, fresh_needed=closed and not leg.made and not late, late=late)


def _began(error: ServerDisconnectedError) -> bool:
    """Whether a part of an answer had come: aiohttp keeps the incomplete message then."""
    return not isinstance(error.message, str)


def _trusting(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=ca)
    return context


class _Proxies:
    """HTTP_PROXY, HTTPS_PROXY and NO_PROXY, looked up once for each host: the answer never changes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._told = told(environ)
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, url: str) -> str | None:
        """The proxy for a URL, None for none."""
        if not self._told:
            return None
        parts = urlsplit(url)
        place = (parts.scheme, parts.netloc)
        if place not in self._known:
            self._known[place] = self._look_up(*place)
        return self._known[place]

    def _look_up(self, scheme: str, host: str) -> str | None:
        if bypassed(host, self._told.get("no", "")):
            return None
        return self._told.get(scheme) or self._told.get("all")
