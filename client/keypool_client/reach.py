"""One request to an endpoint, step by step, so that what fails is known: name, connection, proxy, TLS, HTTP.

It is written out on sockets because a deadline must hold for all of it, and a server may send a byte a second.
"""

import base64
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from keypool_client import proxies

_MOST_HEAD = 65_536
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|\n)")


class Unreached(Exception):
    """Why there was no usable answer."""


@dataclass(slots=True)
class Way:
    """How an endpoint is reached: its URL, the certificates that are trusted beside the public ones, until when (by the
    monotonic clock), and what is being done at this moment."""

    url: str
    ca: str | None
    ends: float
    step: str = "began"

    @property
    def left(self) -> float:
        """Seconds until the deadline. Raises Unreached."""
        seconds = self.ends - monotonic()
        if seconds <= 0:
            raise Unreached(f"no answer in time while it {self.step}")
        return seconds


class _Stream(Protocol):
    def settimeout(self, value: float | None, /) -> None: ...
    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...


def reach(way: Way, environ: Mapping[str, str]) -> str:
    """What the endpoint answered to a request without a key, in words. Raises Unreached."""
    target, proxy = urlsplit(way.url), _proxy(way.url, environ)
    via = f" through the proxy {proxy.hostname}:{proxy.port or 80}" if proxy is not None else ""
    with _connected(way, proxy or target, "proxy" if proxy is not None else "endpoint") as sock:
        sent_to_proxy = proxy is not None and target.scheme == "http"
        if proxy is not None and not sent_to_proxy:
            _tunnel(way, sock, target, proxy)
        if target.scheme == "https":
            with _secured(way, sock, target.hostname or "") as secured:
                return _answer(way, secured, target, None) + via
        return _answer(way, sock, target, proxy if sent_to_proxy else None) + via


def _proxy(url: str, environ: Mapping[str, str]) -> SplitResult | None:
    """As the environment says it. Raises Unreached."""
    target, known = urlsplit(url), proxies.told(environ)
    scheme = next((each for each in (target.scheme, "all") if each in known), None)
    if scheme is None or proxies.bypassed(target.netloc, known.get("no", "")):
        return None
    if not proxies.is_usable(known[scheme]):
        raise Unreached(proxies.fault(scheme))
    proxy = urlsplit(known[scheme])
    if proxy.scheme == "https":  # TLS within TLS: the standard library's sockets have none
        raise Unreached(f"{scheme.upper()}_PROXY speaks TLS itself, so this check cannot ask through it; the relay can")
    return proxy


def _connected(way: Way, to: SplitResult, what: str) -> socket.socket:
    port = to.port or (443 if to.scheme == "https" else 80)
    way.step = f"connected to the {what} {to.hostname}:{port}"
    try:
        return socket.create_connection((to.hostname or "", port), timeout=way.left)
    except socket.gaierror:
        raise Unreached(f"the {what}'s name {to.hostname} is not known to the DNS of this pod") from None
    except TimeoutError:
        raise Unreached(
            f"no answer in time while it {way.step}: a NetworkPolicy or firewall may be in between"
        ) from None
    except OSError as error:
        raise Unreached(f"the {what} {to.hostname}:{port} cannot be connected to: {_why(error)}") from None


def _tunnel(way: Way, sock: socket.socket, target: SplitResult, proxy: SplitResult) -> None:
    way.step = "asked the proxy for a connection"
    to = f"{_host(target)}:{target.port or 443}"
    status = _exchange(way, sock, f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{_proxy_login(proxy)}\r\n")
    if not 200 <= status < 300:
        raise Unreached(f"the proxy refuses a connection to {to} with HTTP {status}{_login_hint(status)}")


def _secured(way: Way, sock: socket.socket, host: str) -> ssl.SSLSocket:
    way.step = "made a TLS connection"
    trusted = ssl.create_default_context()
    if way.ca is not None:
        trusted.load_verify_locations(cadata=way.ca)
    sock.settimeout(way.left)
    try:
        return trusted.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        kept = "the provider object's caBundle" if way.ca is None else "the ca in keys.json, from the provider object"
        raise Unreached(f"its certificate is not trusted ({error.verify_message}): look at {kept}") from None
    except ssl.SSLError as error:
        raise Unreached(f"TLS fails: {error.reason or 'the server speaks none'}") from None
    except TimeoutError:
        raise Unreached(f"no answer in time while it {way.step}") from None
    except OSError as error:
        raise Unreached(f"TLS fails: {_why(error)}") from None


def _answer(way: Way, stream: _Stream, target: SplitResult, proxy: SplitResult | None) -> str:
    way.step = "waited for an HTTP answer"
    path = f"{target.path}/models"
    line = path if proxy is None else f"http://{target.netloc}{path}"
    login = _proxy_login(proxy) if proxy is not None else ""
    headers = f"Host: {target.netloc}\r\nUser-Agent: keypool-client\r\nConnection: close\r\n{login}"
    head = f"GET {line} HTTP/1.1\r\n{headers}\r\n"
    status = _exchange(way, stream, head)
    if status == 407:
        raise Unreached(f"the proxy refuses with HTTP 407{_login_hint(status)}")
    if status >= 500:
        raise Unreached(f"answers with HTTP {status}")
    return f"answers (HTTP {status}, asked without a key)"


def _exchange(way: Way, stream: _Stream, head: str) -> int:
    """The status of the answer; its head is read, and no more."""
    answer = b""
    try:
        stream.settimeout(way.left)
        stream.sendall(head.encode("ascii"))
        while b"\r\n\r\n" not in answer and len(answer) < _MOST_HEAD:
            stream.settimeout(way.left)
            if not (more := stream.recv(4096)):
                break
            answer += more
    except TimeoutError:
        raise Unreached(f"no answer in time while it {way.step}") from None
    except OSError as error:
        raise Unreached(f"the connection broke while it {way.step}: {_why(error)}") from None
    found = _STATUS.match(answer)
    if found is None:
        raise Unreached("it speaks no HTTP/1.1" if answer else f"it closed the connection while it {way.step}")
    return int(found[1])


def _proxy_login(proxy: SplitResult) -> str:
    if proxy.username is None:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


def _login_hint(status: int) -> str:
    return ": it wants a user and a password, http://USER:PASSWORD@HOST:PORT" if status == 407 else ""


def _host(target: SplitResult) -> str:
    host = target.hostname or ""
    return f"[{host}]" if ":" in host else host


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
