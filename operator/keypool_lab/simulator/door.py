"""A port on loopback that can be closed and opened again."""

import asyncio
from collections.abc import Callable

from aiohttp import web


class Door:
    """Serves what `make` gives, below `path`, whenever it is open. `close` cuts all connections."""

    def __init__(self, make: Callable[[], web.Application], path: str = "") -> None:
        self._make, self._path = make, path
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    async def open(self) -> None:
        """Serves from now on, at the same port as before."""
        self._runner = web.AppRunner(self._make(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def kill(self) -> None:
        """Is gone as a process that was killed: every connection is cut now, whatever is under way."""
        if self._runner is not None:
            await asyncio.gather(*(site.stop() for site in self._runner.sites))
            for connection in self._runner.server.connections if self._runner.server else ():
                if connection.transport is not None:
                    connection.transport.abort()
        await self.close()

    async def close(self) -> None:
        """Refuses connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
