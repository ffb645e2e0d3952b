"""Probes and metrics on the pod's address: nothing else is served there, and no value."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST


class Health:
    """`/livez`, `/startedz` and `/metrics`."""

    def __init__(self, registry: CollectorRegistry, started: Callable[[], bool], refresh: Callable[[], None]) -> None:
        self._registry, self._started, self._refresh = registry, started, refresh

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        path = request.raw_path.partition("?")[0]
        if path == "/livez":
            return web.Response(text="ok\n")
        if path == "/startedz":
            return self._startedz()
        if path == "/metrics":
            self._refresh()
            return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
        return web.Response(
            status=404, text="here are /livez, /startedz and /metrics; requests go to the loopback port\n"
        )

    def _startedz(self) -> web.Response:
        if self._started():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="no keys.json could be read yet; the log says why\n")
