"""Connections to providers: bounded in number, without cookies and proxies, and to allowed addresses only."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ssl import SSLContext

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from keypool.providers.addresses import PublicResolver

MAX_CONNECTIONS = 32
"""To one endpoint, for reads and for creates each."""

_send_by: ContextVar[float] = ContextVar("_send_by")


class NotSent(aiohttp.ClientConnectionError):
    """The time for the request was over before its first byte went out."""


@contextmanager
def sent_by(deadline: float) -> Iterator[None]:
    """Requests of the block go out before `deadline`, on the loop's clock, or not at all: a process that was paused, or
    whose loop was held up, may wake up with a connection in its hand and without the leadership that it counted on."""
    token = _send_by.set(deadline)
    try:
        yield
    finally:
        _send_by.reset(token)


def connections(*, keep: bool, allow_private: bool, names: AbstractResolver | None = None) -> AiohttpTransport:
    """`keep`: for the next call. `names` looks them up (default: as the system does)."""

    punctual = aiohttp.TraceConfig()
    punctual.on_request_headers_sent.append(_in_time)
    punctual.on_request_chunk_sent.append(_in_time)

    def session() -> aiohttp.ClientSession:
        resolver = names if allow_private else PublicResolver(names)
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=MAX_CONNECTIONS, force_close=not keep, ssl=_tls(), resolver=resolver
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[punctual])

    return AiohttpTransport(client=session, verify=_tls())


async def _in_time(*_: object) -> None:
    """Called by aiohttp right before it writes the headers, and the body, of a request."""
    if asyncio.get_running_loop().time() >= _send_by.get():
        raise NotSent


@cache
def _tls() -> SSLContext:
    """The trusted authorities: certifi's, or those that SSL_CERT_FILE names. Host names are checked."""
    return httpx.create_ssl_context()
