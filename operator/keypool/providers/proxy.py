"""Calls through an HTTP proxy, by CONNECT: what the operator's administrator sets, and nothing else.

The proxy sees the endpoint's name and address, and TLS bytes: certificates are checked with the endpoint, as without
it. Unless the proxy is to look names up, we do, refuse what is not public, and ask it for the address that was checked.
"""

import base64
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr

from keypool.providers.addresses import can_be_looked_up
from keypool.providers.reach import CheckedResolver, Reach

MOST_TRIED = 4
"""Addresses of a name that the proxy is asked for, one after the other, while it reaches none."""
_HOST = re.compile(r"\.?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)


class NoAddress(aiohttp.ClientConnectionError):
    """The name of `host` leads to no address that may be used, because of `os_error`. Nothing was sent."""

    def __init__(self, host: str, os_error: OSError) -> None:
        super().__init__()
        self.host, self.os_error = host, os_error


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` is without credentials. `resolves`: it looks names up, and so decides which addresses are reached.
    `bypass`: hosts that are called directly."""

    url: str
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""), repr=False)
    resolves: bool = False
    bypass: tuple[str, ...] = ()

    def serves(self, url: httpx.URL) -> bool:
        """Whether a call goes through it: https alone, so that it never sees a credential."""
        host = url.raw_host.decode("ascii").rstrip(".").lower()  # as it is called: httpx shows xn-- names in letters
        return url.scheme == "https" and not any(_covers(entry, host) for entry in self.bypass)

    @property
    def for_httpx(self) -> httpx.Proxy:
        """The same as httpx has it."""
        headers = {}
        if self.user:
            plain = f"{self.user}:{self.password.get_secret_value()}".encode()
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(plain).decode()}"
        return _Quiet(self.url, headers=headers)


class _Quiet(httpx.Proxy):
    """httpx shows the headers, and so the password."""

    def __repr__(self) -> str:
        return f"Proxy({str(self.url)!r})"


def parse_proxy(text: str) -> Proxy:
    """Of the form http://USER:PASSWORD@HOST:PORT. Raises ValueError, which repeats nothing of it."""
    form = "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with user and password percent-encoded"
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"is no URL of a proxy: {form}") from None
    if parts.scheme != "http":
        raise ValueError(f"has to begin with http://, which is how proxies are spoken to before the tunnel: {form}")
    if not host or not port or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"has to name a host and a port, and no path: {form}")
    if not _is_host(host):
        raise ValueError(f"names a host that is neither a name nor an address: {form}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    both = user + password
    if not (both.isascii() and both.isprintable()) or ":" in user or (password and not user):
        raise ValueError(f"has a user or a password that cannot be sent: {form}")
    shown = f"[{host}]" if ":" in host else host
    return Proxy(f"http://{shown}:{port}", user, SecretStr(password))


def parse_bypass(text: str) -> tuple[str, ...]:
    """Hosts by comma: names (and all below them), .suffixes (only what is below), addresses and networks. Raises
    ValueError."""
    entries = [entry.strip().lower() for entry in text.split(",")] if text.strip() else []
    for number, entry in enumerate(entries, 1):
        if not entry or not (_is_network(entry) or _HOST.fullmatch(entry)):
            raise ValueError(
                f"entry {number} of {len(entries)} is neither a host nor a network: write names, .suffixes, addresses "
                "or networks by comma, as in gateway.ai.svc,.internal,10.0.0.0/8; there are no patterns and no ports"
            )
    return tuple(entries)


def _is_host(host: str) -> bool:
    """Digits and dots alone are an address, or nothing."""
    if ":" not in host and not host.replace(".", "").isdigit():
        return _HOST.fullmatch(host) is not None and can_be_looked_up(host)
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_network(entry: str) -> bool:
    try:
        ip_network(entry, strict=False)
    except ValueError:
        return False
    return True


def _covers(entry: str, host: str) -> bool:
    if _is_network(entry):
        try:
            return ip_address(host) in ip_network(entry, strict=False)
        except ValueError:
            return False
    return host == entry or host.endswith(entry if entry.startswith(".") else f".{entry}")


class ThroughProxy(httpx.AsyncBaseTransport):
    """Sends what the proxy serves through `tunnel`, and all else by `direct`. `names` looks hosts up."""

    def __init__(
        self,
        proxy: Proxy,
        tunnel: httpx.AsyncBaseTransport,
        direct: httpx.AsyncBaseTransport,
        *,
        reach: Reach,
        names: AbstractResolver | None,
    ) -> None:
        self._proxy, self._tunnel, self._direct = proxy, tunnel, direct
        self._reach, self._names = reach, names

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As the proxy's settings say."""
        if not self._proxy.serves(request.url):
            return await self._direct.handle_async_request(request)
        if self._proxy.resolves or _is_network(request.url.host):
            return await self._tunnel.handle_async_request(request)
        refused: httpx.ProxyError | None = None
        async for address in self._addresses(request.url):
            try:
                return await self._tunnel.handle_async_request(_at(address, request))
            except httpx.ProxyError as error:
                if not isinstance(error.__cause__, aiohttp.ClientHttpProxyError):
                    raise
                refused = error
        assert refused is not None  # noqa: S101
        raise refused

    async def _addresses(self, url: httpx.URL) -> AsyncIterator[str]:
        """Those that were checked. Raises ConnectError because of NoAddress."""
        resolver = CheckedResolver(self._reach, self._names)
        try:
            found = await resolver.resolve(url.host, url.port or 443, socket.AF_UNSPEC)
            if not found:
                raise OSError("no address")
        except OSError as error:
            raise httpx.ConnectError("no address") from NoAddress(url.host, error)
        for result in found[:MOST_TRIED]:
            yield result["host"]

    async def aclose(self) -> None:
        """Closes the connections of both."""
        await self._tunnel.aclose()
        await self._direct.aclose()


def _at(address: str, request: httpx.Request) -> httpx.Request:
    """The same request for a host at that address: the name stands in its Host header, and is the certificate's."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        content=request.content or None,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
