"""The composition root: the only place where the parts meet. `run` is one replica, from start to end."""

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from keypool.assembly import Build as Build  # noqa: PLC0414 - whoever makes a Replica needs it
from keypool.assembly import Parts, assemble, utc_now
from keypool.cluster.cache import ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.clock import AnchoredClock
from keypool.cluster.election import steady
from keypool.cluster.errors import KubeError
from keypool.cluster.held import WritesHeld
from keypool.cluster.lease import Leadership
from keypool.cluster.ledgers import LedgerBook
from keypool.core.ledger import Ledger
from keypool.health import Health, Patience
from keypool.leading import GaveUp, Leader
from keypool.providers.registry import build
from keypool.reconcile.account_budget import MINUTE
from keypool.reconcile.directory import Directory
from keypool.reconcile.journal import Journal
from keypool.reconcile.readings import claims
from keypool.reconcile.world import World
from keypool.rehearsal import Rehearsal
from keypool.serve.audit import AuditLog
from keypool.serve.http import ProbeServer
from keypool.serve.logs import describe
from keypool.serve.metrics import Metrics
from keypool.settings import Settings
from keypool.tasks import end
from keypool.watch.liveness import Liveness
from keypool.watch.queue import WorkQueue
from keypool.watch.shares import lanes

LEASE = "keypool"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between two attempts to read the operator's own records."""
FIRST_LOOK = 1.0
"""Seconds after which a replica that does not lead yet begins to prove that it could."""

Connect = Callable[..., Awaitable[KubeClient]]
"""As `KubeClient.connect`."""

_log = logging.getLogger(__name__)


class Replica:
    """One replica. Its clock is anchored to the API server's; `wall` is the node's, which must agree. `now`, where
    given, decides about keys instead. `connect` makes the client that a leader acts through, `build` a provider's
    adapter; `minute`: the seconds of a request budget's minute."""

    def __init__(
        self,
        settings: Settings,
        audit: AuditLog,
        now: Callable[[], datetime] | None = None,
        *,
        wall: Callable[[], datetime] = utc_now,
        connect: Connect = KubeClient.connect,
        build: Build = build,
        minute: float = MINUTE,
        sockets: Sequence[socket.socket] = (),
        patience: Patience | None = None,
    ) -> None:
        """`sockets`: the server's, where they listen already."""
        self.settings, self.audit = settings, audit
        anchored = AnchoredClock(wall, steady)
        self.clock = anchored if now is None else None
        self.now = now or anchored.now
        self._connect, self._build, self._minute = connect, build, minute
        self._authorities = settings.authorities
        self.metrics = Metrics()
        audit.on_lost.append(self.metrics.audit_lines_lost.inc)
        self.health = Health(monotonic, patience or Patience())
        self._begin_anew()
        self.leadership: Leadership | None = None
        self.server = ProbeServer(
            self.metrics.pieces,
            self.not_ready,
            self.health.not_alive,
            self.health.notes,
            host=settings.http_host,
            port=settings.http_port,
            sockets=sockets,
        )

    def _begin_anew(self) -> None:
        """Each leadership has a cache of its own."""
        self.cache = ObjectCache(claims)
        self.liveness = Liveness(self.settings.served)
        self.ledgers: LedgerBook | None = None
        self.directory: Directory | None = None

    async def run(self, stop: asyncio.Event, after_kopf_start: Callable[[], None] = lambda: None) -> None:
        """Serves until `stop` is set. Raises LeadershipLost when another replica leads: the process must end."""
        await self.server.start()
        _log.info("serving", extra={"url": f"{self.settings.url}:{self.server.port}"})
        try:
            async with self._clients() as (client, lease_client):
                self.leadership = self.health.leadership = self._elector(lease_client)
                self.health.rehearsal = Rehearsal(client, self.settings.namespace, self.settings.served, LEASE)
                held = WritesHeld(client, self.settings.namespace)
                self.metrics.read_writes_held(lambda: held.held)
                trying = asyncio.create_task(held.run())
                try:
                    await self._terms(client, lease_client, stop, after_kopf_start)
                finally:
                    await end(trying)
        finally:
            await self.server.stop()

    def not_ready(self) -> list[str]:
        """Why this replica is not ready."""
        return self.health.not_ready()

    async def _terms(
        self,
        client: KubeClient,
        lease_client: KubeClient,
        stop: asyncio.Event,
        after_kopf_start: Callable[[], None],
    ) -> None:
        """Leads as soon as it may; where the Lease had to be given up, again after a pause, which grows as long as
        nothing comes into sight."""
        pause = self.health.patience.pause
        while await _unless(stop, self._elected(after_kopf_start)):
            self._set_the_clock(client, lease_client)
            try:
                await self._lead(client, stop, after_kopf_start)
                return
            except GaveUp as gave_up:
                pause = self.health.patience.pause if self.liveness.complete.is_set() else pause
                _log.error("gave the Lease up: %s", gave_up, extra={"again_in": pause})
                self._rest(str(gave_up), pause)
            await _unless(stop, asyncio.sleep(pause))
            self.health.why, pause = "", min(2 * pause, self.health.patience.longest)

    def _rest(self, why: str, pause: float) -> None:
        self.health.why, self.health.again = why, monotonic() + pause
        self.metrics.forget()
        self._begin_anew()  # frees the memory

    async def _elected(self, after_kopf_start: Callable[[], None]) -> None:
        """Returns as soon as this replica leads; one that has to wait for it proves meanwhile that it could."""
        assert self.leadership is not None  # noqa: S101
        assert self.health.rehearsal is not None  # noqa: S101
        acquiring = asyncio.create_task(self.leadership.acquire())
        try:
            await asyncio.wait([acquiring], timeout=FIRST_LOOK)
            if not acquiring.done():
                rehearsing = asyncio.create_task(self.health.rehearsal.run(after_kopf_start))
                try:
                    await asyncio.wait([acquiring])
                finally:
                    await end(rehearsing)
            acquiring.result()
        finally:
            await end(acquiring)

    @contextlib.asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[KubeClient, KubeClient]]:
        kubeconfig = str(self.settings.kubeconfig) if self.settings.kubeconfig is not None else None
        client, lease_client = await self._connect(kubeconfig), await KubeClient.connect(kubeconfig, connections=2)
        client.on_request = self.metrics.on_request
        try:
            yield client, lease_client
        finally:
            await client.close()
            await lease_client.close()

    def _elector(self, client: KubeClient) -> Leadership:
        given = self.settings
        identity = f"{given.identity}_{secrets.token_hex(4)}"
        return Leadership(client, given.namespace, LEASE, identity, timing=given.timing)

    def _set_the_clock(self, *clients: KubeClient) -> None:
        """The first answer that the leader gets anchors it, the renewals of the Lease keep it."""
        if (clock := self.clock) is None:
            self.metrics.read_clocks(lambda: True, {})
            return
        for client in clients:
            client.on_date = clock.heard
        self.metrics.read_clocks(clock.agrees, {"node": clock.wall_ahead, "api_server": clock.api_ahead})

    async def _lead(self, client: KubeClient, stop: asyncio.Event, after_kopf_start: Callable[[], None]) -> None:
        """Leads until told to stop. Raises GaveUp, and LeadershipLost, which ends the process."""
        assert self.leadership is not None  # noqa: S101
        self._begin_anew()  # what it did not see while it waited for the Lease counts for nothing
        leadership, self.health.liveness = self.leadership, self.liveness
        client.time_for_writes = leadership.must_lead
        queue = WorkQueue(lanes(self.cache, self._ledger_of, self.settings.workers, self._is_proven))
        self.audit.begin(leadership.epoch)
        running = [asyncio.create_task(leadership.hold())]  # loading the ledgers may take longer than the Lease lasts
        try:
            world, journal = await self._started(client, leadership, queue, stop)
            running.append(asyncio.create_task(journal.run()))
            try:
                leader = Leader(self.settings, world, queue, self.liveness, self.health.patience.blind)
                await leader.run(stop, tuple(running), leadership.release, after_kopf_start)
            finally:
                await world.budgets.close()
                await world.directory.close()
        finally:
            await end(*running)
            self.health.liveness = None
            self.audit.end()

    async def _started(
        self, client: KubeClient, leadership: Leadership, queue: WorkQueue, stop: asyncio.Event
    ) -> tuple[World, Journal]:
        """What cannot be read now may be soon; or, where that lasts, by another replica."""
        pause = FIRST_PAUSE
        while True:
            try:
                world, journal = await assemble(self._parts(), client, leadership, queue)
                self.ledgers, self.directory = world.ledgers, world.directory
                return world, journal
            except (KubeError, ValueError) as error:
                why = f"the operator's own records could not be read: {describe(error)}"
            leadership.must_lead()
            if stop.is_set() or self.liveness.blind_for() > self.health.patience.blind:
                await leadership.release()
                raise GaveUp(why)
            _log.warning("%s; trying again", why, extra={"seconds": pause})
            await _unless(stop, asyncio.sleep(pause))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _parts(self) -> Parts:
        return Parts(
            settings=self.settings,
            audit=self.audit,
            metrics=self.metrics,
            cache=self.cache,
            liveness=self.liveness,
            build=partial(self._build, authorities=self._authorities, proxy=self.settings.proxy),
            prepare=self._authorities.prepare,
            minute=self._minute,
            now=self.now,
            clocks_agree=self.clock.agrees if self.clock is not None else lambda: True,
        )

    def _ledger_of(self, pool_uid: str) -> Ledger | None:
        handle = self.ledgers.get(pool_uid) if self.ledgers is not None else None
        return handle.ledger if handle is not None else None

    def _is_proven(self, provider_uid: str) -> bool:
        return self.directory is not None and self.directory.proven(provider_uid)


async def _unless(stop: asyncio.Event, waiting: Coroutine[Any, Any, None]) -> bool:
    """Waits for one thing; False when told to stop before."""
    task, stopped = asyncio.ensure_future(waiting), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return False
        task.result()
        return True
    finally:
        await end(task, stopped)
