"""Connections to providers: bounded in number, without cookies and proxies, and to allowed addresses only."""

from functools import cache
from ssl import SSLContext

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from keypool.providers.addresses import PublicResolver

MAX_CONNECTIONS = 32
"""To one endpoint, for reads and for creates each."""


def connections(*, keep: bool, allow_private: bool, names: AbstractResolver | None = None) -> AiohttpTransport:
    """`keep`: for the next call. `names` looks them up (default: as the system does)."""

    def session() -> aiohttp.ClientSession:
        resolver = names if allow_private else PublicResolver(names)
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=MAX_CONNECTIONS, force_close=not keep, ssl=_tls(), resolver=resolver
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return AiohttpTransport(client=session, verify=_tls())


@cache
def _tls() -> SSLContext:
    """The trusted authorities: certifi's, or those that SSL_CERT_FILE names. Host names are checked."""
    return httpx.create_ssl_context()
