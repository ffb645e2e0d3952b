"""The composition root: the only place where the parts meet. `run` is one replica, from start to end."""

import asyncio
import contextlib
import logging
import random
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

from keypool.cluster.announcer import Announcer
from keypool.cluster.cache import ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.clock import AnchoredClock
from keypool.cluster.credentials import Credentials
from keypool.cluster.election import steady
from keypool.cluster.installation import Installation
from keypool.cluster.lease import Leadership
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Namespaces
from keypool.cluster.publisher import Publisher
from keypool.core.ledger import Ledger
from keypool.leading import Leader
from keypool.providers.protocol import Provider
from keypool.providers.registry import build
from keypool.providers.transport import Deadlines
from keypool.reconcile.account_budget import MINUTE
from keypool.reconcile.accounts import Accounts
from keypool.reconcile.budgets import Budgets, budget_levels
from keypool.reconcile.directory import Directory
from keypool.reconcile.journal import Journal
from keypool.reconcile.readings import claims
from keypool.reconcile.registry import Registry
from keypool.reconcile.tenants import Tenancy
from keypool.reconcile.world import World
from keypool.serve.audit import AuditLog
from keypool.serve.http import ProbeServer
from keypool.serve.metrics import Metrics
from keypool.settings import Settings
from keypool.tasks import end
from keypool.watch.liveness import Liveness
from keypool.watch.queue import WorkQueue
from keypool.watch.shares import lanes

LEASE = "keypool"
STANDBY_STALE = 30.0

Connect = Callable[..., Awaitable[KubeClient]]
"""As `KubeClient.connect`."""
Build = Callable[..., Provider]
"""As `providers.registry.build`."""

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


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
    ) -> None:
        """`sockets`: the server's, where they listen already."""
        self.settings, self.audit = settings, audit
        anchored = AnchoredClock(wall, steady)
        self.clock = anchored if now is None else None
        self.now = now or anchored.now
        self._connect, self._build, self._minute = connect, build, minute
        self._authorities = settings.authorities
        self.metrics = Metrics()
        self.cache = ObjectCache(claims)
        self.liveness = Liveness(settings.served)
        self.leadership: Leadership | None = None
        self.ledgers: LedgerBook | None = None
        host, port = settings.http_host, settings.http_port
        self.server = ProbeServer(self.metrics.text, self.not_ready, host=host, port=port, sockets=sockets)

    async def run(self, stop: asyncio.Event, after_kopf_start: Callable[[], None] = lambda: None) -> None:
        """Serves until `stop` is set. Raises LeadershipLost when another replica leads: the process must end."""
        await self.server.start()
        _log.info("serving", extra={"url": f"{self.settings.url}:{self.server.port}"})
        try:
            async with self._clients() as (client, lease_client):
                self.leadership = self._elector(lease_client)
                if await _unless(stop, self.leadership.acquire()):
                    self._set_the_clock(client, lease_client)
                    await self._lead(client, self.leadership, stop, after_kopf_start)
        finally:
            await self.server.stop()

    def not_ready(self) -> list[str]:
        """Why this replica is not ready: a leader must see the cluster, a standby must see the Lease."""
        if self.leadership is None:
            return ["starting"]
        if not self.leadership.is_leader:
            age = self.leadership.answer_age()
            return [] if age is not None and age < STANDBY_STALE else ["the Lease is out of reach"]
        return self.liveness.complaints()

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
            return
        for client in clients:
            client.on_date = clock.heard
        self.metrics.read_clocks(clock.agrees, {"node": clock.wall_ahead, "api_server": clock.api_ahead})

    async def _lead(
        self, client: KubeClient, leadership: Leadership, stop: asyncio.Event, after_kopf_start: Callable[[], None]
    ) -> None:
        """Leads until told to stop; whatever ends it early ends the process."""
        client.time_for_writes = leadership.must_lead
        queue = WorkQueue(lanes(self.cache, self._ledger_of, self.settings.workers))
        holding = asyncio.create_task(leadership.hold())  # loading the ledgers may take longer than the Lease lasts
        try:
            world, journal = await self._world(client, leadership, queue)
        except BaseException:
            await end(holding)
            raise
        try:
            leader = Leader(self.settings, world, queue, self.liveness)
            await leader.run(stop, (holding, asyncio.create_task(journal.run())), leadership.release, after_kopf_start)
        finally:
            await world.budgets.close()
            await world.directory.close()

    async def _world(self, client: KubeClient, leadership: Leadership, queue: WorkQueue) -> tuple[World, Journal]:
        settings = self.settings
        announcer = Announcer(client, settings.identity, monotonic, utc_now, partial(secrets.token_hex, 8))
        journal = Journal(announcer, self.audit, self.metrics)
        ledgers = LedgerBook(client, settings.namespace, leadership.verify_live, journal)
        deadlines = Deadlines().within(settings.timing.longest_call)
        build = partial(
            self._build,
            allow_insecure=settings.allow_insecure_endpoints,
            allow_private=settings.allow_private_endpoints,
            deadlines=deadlines,
            authorities=self._authorities,
            proxy=settings.proxy,
        )
        budgets = Budgets(client, settings.namespace, self.now, lambda uid: queue.add(f"pool/{uid}"), self._minute)
        directory = Directory(client, settings.namespace, build, budgets, lambda uid: queue.add(f"provider/{uid}"))
        accounts = Accounts(client, settings.namespace, ledgers, Registry(ledgers, self.cache), self.now)
        installed = Installation(client, settings.namespace, partial(secrets.token_hex, 4))
        await installed.refresh()
        await ledgers.load()
        self.ledgers = ledgers
        await directory.load_kept()
        await accounts.load()
        await budgets.load()
        self.metrics.read_budgets(partial(budget_levels, budgets, self.cache))
        namespaces = Namespaces(client)
        world = World(
            client=client,
            cache=self.cache,
            ledgers=ledgers,
            directory=directory,
            accounts=accounts,
            budgets=budgets,
            namespaces=namespaces,
            tenancy=Tenancy(self.cache, ledgers, namespaces) if not settings.served else None,
            credentials=Credentials(client, monotonic),
            publisher=Publisher(client),
            announcer=announcer,
            tell_failure=journal.failed,
            metrics=self.metrics,
            leadership=leadership,
            deadlines=deadlines,
            installation=installed.id,
            installed=installed,
            now=self.now,
            clocks_agree=self.clock.agrees if self.clock is not None else lambda: True,
            random=random.random,
            new_id=partial(secrets.token_hex, 8),
            touch_pool=lambda uid: queue.add(f"pool/{uid}"),
            touch_provider=lambda uid: queue.add(f"provider/{uid}"),
            ending=lambda: queue.draining,
            started_at=self.now(),
        )
        return world, journal

    def _ledger_of(self, pool_uid: str) -> Ledger | None:
        handle = self.ledgers.get(pool_uid) if self.ledgers is not None else None
        return handle.ledger if handle is not None else None


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
