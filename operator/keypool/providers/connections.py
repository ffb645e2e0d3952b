"""Connections to providers: bounded in number, without cookies, and to allowed addresses only."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from ssl import SSLContext

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from keypool.providers.proxy import Proxy, ThroughProxy
from keypool.providers.reach import CheckedResolver, Reach

MAX_CONNECTIONS = 32
"""Of one namespace to one provider, for reads and for creates each; a quarter more for what is urgent."""
ALL_CONNECTIONS = 64
"""Of all namespaces that share a provider; a quarter is for what is urgent alone. So no namespace holds all."""


@dataclass(slots=True)
class Sending:
    """A request that goes out before `deadline`, on the loop's clock. `begun`: its first byte may be on its way."""

    deadline: float
    begun: bool = False


@dataclass(slots=True)
class Traced:
    """All that one method of an adapter sends. `begun`: the first byte of it may be on its way."""

    begun: bool = False


_sending: ContextVar[Sending] = ContextVar("_sending")
_traced: ContextVar[Traced | None] = ContextVar("_traced", default=None)


class _Answer(aiohttp.ClientResponse):
    """An answer without the words of its status line. They mean nothing (RFC 9112, section 4), and honest old servers
    write them in other encodings than the library above can take."""

    async def start(self, connection: aiohttp.connector.Connection) -> "_Answer":
        """Reads the head."""
        await super().start(connection)
        self.reason = None
        return self


class NotSent(aiohttp.ClientConnectionError):
    """The time for the request was over before its first byte went out."""


@contextmanager
def sent_by(deadline: float) -> Iterator[Sending]:
    """Requests of the block go out before `deadline`, on the loop's clock, or not at all: a process that was paused, or
    whose loop was held up, may wake up with a connection in its hand and without the leadership that it counted on."""
    sending = Sending(deadline)
    token = _sending.set(sending)
    try:
        yield sending
    finally:
        _sending.reset(token)


@contextmanager
def traced() -> Iterator[Traced]:
    """Tells whether any request of the block, or of the tasks that it begins, went out."""
    trace = Traced()
    token = _traced.set(trace)
    try:
        yield trace
    finally:
        _traced.reset(token)


def connections(
    *,
    keep: bool,
    reach: Reach,
    names: AbstractResolver | None = None,
    tls: SSLContext | None = None,
    proxy: Proxy | None = None,
) -> httpx.AsyncBaseTransport:
    """`keep`: for the next call. `reach`: which addresses a host may have; `names` looks hosts up (default: as the
    system does); `tls` trusts (default: the public authorities); `proxy`: None for none."""
    tls = tls or _tls()
    resolver = partial(CheckedResolver, reach, names)
    direct = AiohttpTransport(client=partial(_session, resolver, tls, keep=keep), verify=tls)
    if proxy is None:
        return direct
    # The proxy itself is the administrator's word: its address is not checked.
    tunnel = AiohttpTransport(client=partial(_session, lambda: None, tls, keep=keep), verify=tls, proxy=proxy.for_httpx)
    return ThroughProxy(proxy, tunnel, direct, reach=reach, names=names)


def _session(resolver: Callable[[], AbstractResolver | None], tls: SSLContext, *, keep: bool) -> aiohttp.ClientSession:
    """Made with the first call: it needs a running loop."""
    punctual = aiohttp.TraceConfig()
    punctual.on_request_headers_sent.append(_in_time)
    punctual.on_request_chunk_sent.append(_in_time)
    connector = aiohttp.TCPConnector(
        limit=0, limit_per_host=ALL_CONNECTIONS, force_close=not keep, ssl=tls, resolver=resolver()
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[punctual], response_class=_Answer
    )


async def _in_time(*_: object) -> None:
    """Called by aiohttp right before it writes the headers, and the body, of a request."""
    sending = _sending.get()
    if asyncio.get_running_loop().time() >= sending.deadline:
        raise NotSent
    sending.begun = True
    if (trace := _traced.get()) is not None:
        trace.begun = True


@cache
def _tls() -> SSLContext:
    """The public authorities: certifi's, or those that SSL_CERT_FILE names. Host names are checked."""
    return httpx.create_ssl_context()
