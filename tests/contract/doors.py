"""Two small servers as the endpoints of one account: each counts its calls and can be told how to fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class Door:
    """Answers `{}` until `status` says something else; with `hangs`, nothing at all. `close` it, and it refuses
    connections; `open` it again at the same port."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.status = 200
        self.hangs = False
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Serves from now on."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Refuses connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        self.calls.append(request.method)
        if self.hangs:
            await asyncio.sleep(60)
        return web.json_response({}, status=self.status)


@asynccontextmanager
async def two_doors() -> AsyncIterator[tuple[Door, Door]]:
    """Both serve until the block ends."""
    first, second = Door(), Door()
    await first.open()
    await second.open()
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()
