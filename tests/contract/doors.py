"""Two small servers as the endpoints of one account: each counts its calls and can be told how to fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from keypool_lab.simulator.door import Door


class CountingDoor(Door):
    """Answers `{}` until `status` says something else; with `hangs`, nothing at all."""

    def __init__(self) -> None:
        super().__init__(self._application)
        self.calls: list[str] = []
        self.status = 200
        self.hangs = False
        self._over = asyncio.Event()

    async def close(self) -> None:
        """Nobody hangs any longer. (aiohttp would leave a handler that sleeps.)"""
        self._over.set()
        await super().close()

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        self.calls.append(request.method)
        if self.hangs:
            await self._over.wait()
        return web.json_response({}, status=self.status)


@asynccontextmanager
async def two_doors() -> AsyncIterator[tuple[CountingDoor, CountingDoor]]:
    """Both serve until the block ends."""
    first, second = CountingDoor(), CountingDoor()
    await first.open()
    await second.open()
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()
