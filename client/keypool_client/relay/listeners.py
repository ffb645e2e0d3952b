"""Sockets: requests on loopback alone, probes and metrics on the pod's address, with bounds for both."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from itertools import islice
from typing import Any, cast

from aiohttp import web

MOST_CONNECTIONS = 2_200
"""Open requests and some that are idle; each takes about 12 KiB."""
MOST_PROBES = 64
"""Of the health port, which the whole network may reach: kubelet and Prometheus need a few."""
MOST_REFUSED = 200
LINGER_SECONDS = 1.0
FIRST_REQUEST_SECONDS = 10.0
"""From a connection to the end of its first request's headers."""
IDLE_SECONDS = 300.0
"""From an answer to the end of the next request's headers: longer than SDKs keep their idle connections."""
STALLED_SECONDS = 300.0
"""How long a client may leave what is written to it unread before its connection is cut."""
SWEEP_SECONDS = 2.0
LONGEST_LINE = 16 * 1024
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
FULL_BODY = (
    b'{"error": {"message": "The relay has too many connections", "type": "keypool", "code": "keypool_overloaded"}}'
)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Refused(asyncio.Protocol):
    """Answers 503 whatever is asked, and closes when the client has, or soon."""

    def __init__(self, server: "Server") -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        self._server.refused.add(self)
        transport.write(FULL % (len(FULL_BODY), FULL_BODY))
        if transport.can_write_eof() and len(self._server.refused) <= MOST_REFUSED:
            transport.write_eof()
            self._handle = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.close)
        else:
            self._handle = asyncio.get_running_loop().call_later(0, transport.close)

    def connection_lost(self, _: Exception | None) -> None:
        self._handle.cancel()
        self._server.refused.discard(self)

    def close(self) -> None:
        """At the server's end."""
        self._transport.abort()


class Server:
    """A handler behind sockets, without a router: one function gets every request. It is cancelled when its client goes
    away."""

    def __init__(self, handler: Handler, most: int = MOST_CONNECTIONS, *, makes_room: bool = False) -> None:
        """`makes_room`: beyond `most`, the oldest connection is closed; else the new one is refused."""
        self._inner = web.Server(
            handler,
            handler_cancellation=True,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,
            access_log=None,
            lingering_time=2.0,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        self._most, self._makes_room = most, makes_room
        self._sockets: list[asyncio.Server] = []
        self._young: dict[Any, float] = {}
        self._stalled: dict[Any, tuple[int, float]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self.refused: set[_Refused] = set()
        self.turned_away = 0

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._inner._connections)  # its own property copies them all

    async def listen(self, addresses: Sequence[str], port: int) -> int:
        """Takes connections from now on; returns the port, the same one at every address."""
        loop = asyncio.get_running_loop()
        for address in addresses:
            server = await loop.create_server(self._connection, address, port, backlog=1024)
            self._sockets.append(server)
            port = server.sockets[0].getsockname()[1]
        self._sweep()
        return port

    async def close(self) -> None:
        """Ends everything that is open."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for each in self._sockets:
            each.close()
        for refused in list(self.refused):
            refused.close()
        await self._inner.shutdown(timeout=0.1)

    def _connection(self) -> asyncio.Protocol:
        if self.connections >= self._most:
            self.turned_away += 1
            if not self._makes_room:
                return _Refused(self)
            self._make_room()
        protocol = self._inner()
        self._young[protocol] = asyncio.get_running_loop().time()
        return protocol

    def _make_room(self) -> None:
        """Connections that whoever reaches the port keeps open must not keep a new one out: it needs a moment only. One
        that leaves its answers unread would not end by being closed."""
        for protocol, transport in list(islice(self._inner._connections.items(), 1 + self.connections - self._most)):
            protocol.force_close()
            transport.abort()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)
        self._sweep_young(loop.time() - FIRST_REQUEST_SECONDS)
        self._sweep_stalled(loop.time())

    def _sweep_stalled(self, now: float) -> None:
        """Cuts connections whose client has read nothing of what waits for it: each holds up an endpoint's answer."""
        before, self._stalled = self._stalled, {}
        for transport in list(self._inner._connections.values()):
            if not (size := transport.get_write_buffer_size()):
                continue
            found = before.get(transport)
            since = found[1] if found is not None and found[0] == size else now
            self._stalled[transport] = (size, since)
            if since < now - STALLED_SECONDS:
                transport.abort()

    def _sweep_young(self, before: float) -> None:
        """Closes connections whose first request did not come in time."""
        for protocol, since in list(self._young.items()):
            if protocol._request_count or protocol.transport is None:
                del self._young[protocol]
            elif since < before:
                del self._young[protocol]
                protocol.force_close()


def usable(addresses: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those addresses that this machine has, and the others: many pods have no IPv6."""
    have: list[str] = []
    lack: list[str] = []
    for address in addresses:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as tried:
                tried.bind((address, 0))
        except OSError:
            lack.append(address)
        else:
            have.append(address)
    return have, lack
