"""The operator's own small server: /healthz, /readyz and /metrics. Nothing here tells more than names and numbers."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from keypool.serve.page import Page, Sending
from keypool.serve.sockets import listen

Reasons = Callable[[], Sequence[str]]

_SCRAPE_REUSE = 1.0


class ProbeServer:
    """Start it before anything that may block or fail, so that a probe always gets an answer.

    `not_ready()` and `not_alive()` give the reasons, one short line each; none means ready, or alive. `notes()` are
    lines that a ready one adds. `metrics()` gives its text in pieces, in a thread, at most once a second.
    """

    def __init__(
        self,
        metrics: Callable[[], Iterable[bytes]],
        not_ready: Reasons,
        not_alive: Reasons = tuple,
        notes: Reasons = tuple,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        sockets: Sequence[socket.socket] = (),
        sending: Sending | None = None,
    ) -> None:
        """`port` 0: any free one, told by `port` after the start. `sockets` that listen already take the place of
        both. `sending`: how metrics are handed out."""
        self.host, self.port = host, port
        self._sockets = list(sockets)
        self._metrics = metrics
        self._scrape: tuple[float, Page] | None = None
        self._scraping, self._sending = asyncio.Lock(), sending or Sending()
        self._thread = ThreadPoolExecutor(1, "metrics")
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz", _probe(not_alive, tuple))
        app.router.add_get("/readyz", _probe(not_ready, notes))
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=15, shutdown_timeout=1)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        sockets = self._sockets or listen(self.host, self.port)
        await self._runner.setup()
        for one in sockets:
            await web.SockSite(self._runner, one).start()
        self.port = int(sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()
        self._thread.shutdown(wait=False)

    async def _serve_metrics(self, request: web.Request) -> web.StreamResponse:
        async with self._scraping:
            if self._scrape is None or time.monotonic() - self._scrape[0] > _SCRAPE_REUSE:
                self._scrape = (time.monotonic(), await self._in_thread())
            page = self._scrape[1]
        return await self._sending.send(request, page)

    async def _in_thread(self) -> Page:
        """A thread of its own: those that asyncio lends are others' to fill, with look-ups of names for one."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: Page.of(self._metrics()))


def _probe(reasons: Reasons, notes: Reasons) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        found = list(reasons())
        return web.Response(status=503 if found else 200, text="\n".join(found or ["ok", *notes()]) + "\n")

    return answer
