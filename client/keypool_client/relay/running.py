"""A relay that runs: the parts put together."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from keypool_client.model import Pool
from keypool_client.policy.choosing import Chooser
from keypool_client.policy.verdicts import Verdict
from keypool_client.relay.admin import Page
from keypool_client.relay.buffers import Buffers
from keypool_client.relay.files import make_room
from keypool_client.relay.health import Health
from keypool_client.relay.holder import Holding
from keypool_client.relay.listeners import MOST_CONNECTIONS, MOST_PROBES, Server, usable
from keypool_client.relay.metrics import Metrics
from keypool_client.relay.notes import Notes
from keypool_client.relay.pod import Pod
from keypool_client.relay.relay import Relay
from keypool_client.relay.reporting import Reporting
from keypool_client.relay.serving import Parts
from keypool_client.relay.settings import Settings
from keypool_client.relay.shared import SharingMetrics, sharing_of, store_of
from keypool_client.relay.upstream import Deadlines, Upstream
from keypool_client.relay.watching import Watcher
from keypool_client.sharing.port import Store
from keypool_client.sharing.sharing import Sharing

QUIET_SECONDS = 2.0
log = logging.getLogger(__name__)


class Running:
    """`async with Running(settings, folder, draw, environ)` serves until the block ends."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        draw: Callable[[], float],
        environ: Mapping[str, str],
        store: Store | None = None,
    ) -> None:
        """`store`: where verdicts are shared; None: where the settings say."""
        self._store = store
        self.sharing: Sharing | None = None
        self._settings, self._folder, self._draw, self._environ = settings, folder, draw, environ
        self.metrics, self.buffers, self.holding = Metrics(), Buffers(), Holding()
        self.port = self.health_port = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        told = self._settings
        deadlines = Deadlines(told.connect_seconds, told.first_byte_seconds, told.idle_seconds)
        self.upstream = Upstream(deadlines, self._environ)
        stack.push_async_callback(self.upstream.close)
        store = self._store or store_of(told)
        self.chooser = Chooser(self._draw, self._tell if store is not None else None)
        if store is not None:
            self.sharing = sharing_of(store, self.chooser, self._draw)
            self.metrics.registry.register(SharingMetrics(self.sharing))
        parts = Parts(
            *(told, self.chooser, self.upstream, self.buffers, self.metrics, Notes(), self.holding),
            clock=time.monotonic,
            day=time.time,
        )
        self.relay = Relay(parts, Page(lambda: self.watcher.now, self._numbers, self.chooser))
        self.watcher = Watcher(self._folder, self._apply)
        await self.watcher.look()
        most = make_room()
        if most < MOST_CONNECTIONS:
            log.warning("the limit of open files has room for %d connections only: raise it (ulimit -n)", most)
        self._server, health = (
            Server(self.relay, most),
            Server(Health(self.metrics.registry, self._ready, self._refresh), MOST_PROBES, makes_room=True),
        )
        stack.push_async_callback(health.close)
        stack.push_async_callback(self._server.close)
        have, lack = usable(told.listen_addresses)
        if lack:
            log.warning("this machine has no address %s: nothing listens there", ", ".join(lack))
        self.port = await self._server.listen(have or told.listen_addresses, told.listen_port)
        self.health_port = await health.listen([told.health_address], told.health_port)
        log.info("takes requests at %s, port %d; probes at port %d", ", ".join(have), self.port, self.health_port)
        following = asyncio.create_task(self.watcher.follow(), name="keys")
        stack.push_async_callback(_ended, following)
        if self.sharing is not None:
            stack.push_async_callback(_ended, asyncio.create_task(self.sharing.follow(), name="verdicts"))
        if told.report:
            stack.push_async_callback(_ended, asyncio.create_task(self._reporting().follow(), name="report"))

    def _tell(self, verdict: Verdict) -> None:
        if self.sharing is not None:
            self.sharing.outbox.put(verdict)

    def _reporting(self) -> Reporting:
        pod = Pod.of(self._settings.report, self._environ)
        return Reporting(pod, self.holding, self.metrics.registry, self._draw, time.monotonic)

    async def _apply(self, pools: tuple[Pool, ...]) -> None:
        await self.upstream.update(pools)
        self.chooser.update(pools, time.monotonic())
        self.relay.update(pools)
        self.holding.update(pools, time.time())
        self.metrics.keep([(pool.name, [key.id for key in pool.keys]) for pool in pools])
        for pool in pools:
            self.metrics.keys.labels(pool.name).set(len(pool.keys))

    def _ready(self) -> bool:
        return self.watcher.ready

    def _numbers(self) -> dict[str, Any]:
        held = self.buffers.total - self.buffers.free
        shared = {} if self.sharing is None else {"verdictsShared": bool(self.sharing.connected)}
        return {"open": self.relay.open, "connections": self._server.connections, "heldBytes": held, **shared}

    def _refresh(self) -> None:
        now = time.monotonic()
        self.metrics.read.set(self.watcher.well(now))
        self.metrics.usable.clear()
        for pool in self.chooser.view(now):
            self.metrics.usable.labels(pool.name).set(sum(key.state == "ready" for key in pool.keys))
        self.metrics.open.set(self.relay.open)
        self.metrics.connections.set(self._server.connections)
        self.metrics.buffered.set(self.buffers.total - self.buffers.free)

    async def quiet(self) -> None:
        """Returns when no request was open for two seconds. Requests are served meanwhile, new ones too."""
        while (left := self.relay.busy_until() + QUIET_SECONDS - time.monotonic()) > 0:  # noqa: ASYNC110 no event: requests come and go
            await asyncio.sleep(left)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
