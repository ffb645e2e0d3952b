"""The operator's own small server: /healthz, /readyz and /metrics. Nothing here tells more than names and numbers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

Reasons = Callable[[], Sequence[str]]

_SCRAPE_REUSE = 1.0


class ProbeServer:
    """Start it before anything that may block or fail, so that a probe always gets an answer.

    `not_ready()` and `not_alive()` give the reasons, one short line each; none means ready, or alive. `metrics()` is
    called in a thread, at most once a second.
    """

    def __init__(
        self,
        metrics: Callable[[], bytes],
        not_ready: Reasons,
        not_alive: Reasons = tuple,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
    ) -> None:
        """`port` 0: any free one, told by `port` after the start."""
        self.host, self.port = host, port
        self._metrics = metrics
        self._scrape: tuple[float, bytes] | None = None
        self._scraping = asyncio.Lock()
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz", _probe(not_alive))
        app.router.add_get("/readyz", _probe(not_ready))
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=15, shutdown_timeout=1)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, backlog=32).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        async with self._scraping:
            if self._scrape is None or time.monotonic() - self._scrape[0] > _SCRAPE_REUSE:
                self._scrape = (time.monotonic(), await asyncio.to_thread(self._metrics))
        return web.Response(body=self._scrape[1], headers={"Content-Type": CONTENT_TYPE_LATEST})


def _probe(reasons: Reasons) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        found = list(reasons())
        return web.Response(status=503 if found else 200, text="\n".join(found or ["ok"]) + "\n")

    return answer
