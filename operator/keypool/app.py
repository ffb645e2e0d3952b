"""The composition root: the only place where the parts meet. `run` is one replica, from start to end."""

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

from keypool.cluster.announcer import Announcer
from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.credentials import Credentials
from keypool.cluster.election import Timing
from keypool.cluster.installation import Installation
from keypool.cluster.lease import Leadership, LeadershipLost
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.publisher import Publisher
from keypool.core.lifecycle import KeyState
from keypool.providers.registry import build
from keypool.reconcile.directory import Directory
from keypool.reconcile.journal import Journal
from keypool.reconcile.pool import PoolReconciler
from keypool.reconcile.provider import ProviderReconciler
from keypool.reconcile.readings import claims
from keypool.reconcile.world import World
from keypool.serve.audit import AuditLog
from keypool.serve.http import ProbeServer
from keypool.serve.metrics import Metrics
from keypool.settings import Settings
from keypool.watch.kopf_watch import run_kopf
from keypool.watch.ledger_check import LedgerCheck, watch_installation
from keypool.watch.liveness import Liveness
from keypool.watch.queue import WorkQueue, run_workers
from keypool.watch.resync import Resync

LEASE = "keypool"
STANDBY_STALE = 30.0
KOPF_GRACE = 3.0
"""Seconds that Kopf gets to end its watches."""

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Replica:
    """One replica. `now` is the clock that decides about keys."""

    def __init__(self, settings: Settings, audit: AuditLog, now: Callable[[], datetime] = utc_now) -> None:
        self.settings, self.audit, self.now = settings, audit, now
        self.metrics = Metrics()
        self.cache = ObjectCache(claims)
        self.liveness = Liveness(settings.served)
        self.leadership: Leadership | None = None
        self.server = ProbeServer(self.metrics.text, self.not_ready, host=settings.http_host, port=settings.http_port)

    async def run(self, stop: asyncio.Event, after_kopf_start: Callable[[], None] = lambda: None) -> None:
        """Serves until `stop` is set. Raises LeadershipLost when another replica leads: the process must end."""
        await self.server.start()
        _log.info("serving", extra={"url": f"http://{self.server.host}:{self.server.port}"})
        try:
            async with self._clients() as (client, lease_client):
                self.leadership = self._elector(lease_client)
                if await _unless(stop, self.leadership.acquire()):
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
        client, lease_client = await KubeClient.connect(kubeconfig), await KubeClient.connect(kubeconfig, connections=2)
        client.on_request = self.metrics.on_request
        try:
            yield client, lease_client
        finally:
            await client.close()
            await lease_client.close()

    def _elector(self, client: KubeClient) -> Leadership:
        given = self.settings
        timing = Timing(given.lease_duration, given.lease_renew_deadline, given.lease_retry)
        identity = f"{given.identity}_{secrets.token_hex(4)}"
        return Leadership(client, given.namespace, LEASE, identity, timing=timing)

    async def _lead(
        self, client: KubeClient, leadership: Leadership, stop: asyncio.Event, after_kopf_start: Callable[[], None]
    ) -> None:
        """Leads until told to stop; whatever ends it early ends the process."""
        queue = WorkQueue()
        holding = asyncio.create_task(leadership.hold())  # loading the ledgers may take longer than the Lease lasts
        try:
            world, journal = await self._world(client, leadership, queue)
        except BaseException:
            holding.cancel()
            raise
        touch = partial(self._touch, queue)
        kopf_stop = asyncio.Event()
        resync = Resync(client, self.cache, touch, namespaces=self.settings.served, every=self.settings.resync)
        self._observe_gauges(queue, leadership, resync, world.ledgers)
        watching = run_kopf(
            client,
            self.cache,
            touch,
            liveness=self.liveness,
            stop_flag=kopf_stop,
            namespaces=self.settings.served,
            after_start=after_kopf_start,
        )
        lost = asyncio.Event()
        work = self._work(world, queue, lost)
        check = LedgerCheck(client, world.ledgers, world.installed, world.touch_pool, self.settings.resync)
        confirmed = watch_installation(world.installed, partial(self._touch_all, queue), self.settings.resync)
        duties = (watching, work, journal.run(), resync.run(), check.run(), confirmed, _raise_when(lost))
        tasks = [*(asyncio.create_task(duty) for duty in duties), holding]
        try:
            await _first_end(stop, tasks)
            await self._finish(queue)
        finally:
            queue.close()
            kopf_stop.set()
            await _end(tasks)
            await leadership.release()
            await world.directory.close()

    async def _world(self, client: KubeClient, leadership: Leadership, queue: WorkQueue) -> tuple[World, Journal]:
        settings = self.settings
        announcer = Announcer(client, settings.identity, monotonic, utc_now, partial(secrets.token_hex, 8))
        journal = Journal(announcer, self.audit, self.metrics)
        ledgers = LedgerBook(client, settings.namespace, leadership.verify_live, journal)
        directory = Directory(
            client, settings.namespace, partial(build, allow_insecure=settings.allow_insecure_endpoints)
        )
        installed = Installation(client, settings.namespace, partial(secrets.token_hex, 4))
        await installed.refresh()
        await ledgers.load()
        await directory.load_kept()
        world = World(
            client=client,
            cache=self.cache,
            ledgers=ledgers,
            directory=directory,
            credentials=Credentials(client, monotonic),
            publisher=Publisher(client),
            announcer=announcer,
            tell_failure=journal.failed,
            metrics=self.metrics,
            leadership=leadership,
            installation=installed.id,
            installed=installed,
            now=self.now,
            random=random.random,
            new_id=partial(secrets.token_hex, 8),
            touch_pool=lambda uid: queue.add(f"pool/{uid}"),
            touch_provider=lambda uid: queue.add(f"provider/{uid}"),
            ending=lambda: queue.draining,
            started_at=self.now(),
        )
        return world, journal

    def _touch(self, queue: WorkQueue, kind: Kind, obj: Mapping[str, Any]) -> None:
        if kind is Kind.PROVIDER:
            queue.add(f"provider/{obj['metadata']['uid']}")
        for uid in self.cache.pools_touched(kind, obj):
            queue.add(f"pool/{uid}")

    def _touch_all(self, queue: WorkQueue) -> None:
        for kind in (Kind.PROVIDER, Kind.POOL):
            for entry in self.cache.store(kind):
                queue.add(f"{'pool' if kind is Kind.POOL else 'provider'}/{entry.uid}")

    async def _work(self, world: World, queue: WorkQueue, lost: asyncio.Event) -> None:
        """Begins when the cache is complete: before that, what is missing would look deleted."""
        await self.liveness.complete.wait()
        for handle in world.ledgers.all():
            queue.add(f"pool/{handle.ledger.pool_uid}")
        pools, providers = PoolReconciler(world), ProviderReconciler(world)

        async def handle_key(key: str) -> float | None:
            kind, _, uid = key.partition("/")
            started, outcome = monotonic(), "ok"
            try:
                if not world.leadership.remaining():
                    raise LeadershipLost("the Lease ran out")
                return await (pools if kind == "pool" else providers).reconcile(uid)
            except LeadershipLost:
                lost.set()
                raise
            except Exception as error:
                outcome = type(error).__name__
                raise
            finally:
                self.metrics.reconcile_seconds.labels(kind, outcome).observe(monotonic() - started)

        await run_workers(queue, handle_key, self.settings.workers)

    async def _finish(self, queue: WorkQueue) -> None:
        """Lets passes that are under way come to their end; new ones are not begun."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(queue.drain(), self.settings.grace)

    def _observe_gauges(self, queue: WorkQueue, leadership: Leadership, resync: Resync, ledgers: LedgerBook) -> None:
        self.metrics.read_when_scraped(
            queue_depth=lambda: queue.depth,
            keys_owed=lambda: sum(len(handle.ledger.inside(KeyState.OWED)) for handle in ledgers.all()),
            leader=lambda: leadership.is_leader,
            watch_ages={kind.value: partial(_age, self.liveness, kind) for kind in Kind},
            resync_age=lambda: resync.age,
        )


def _age(liveness: Liveness, kind: Kind) -> float | None:
    return liveness.ages()[kind]


async def _raise_when(lost: asyncio.Event) -> None:
    await lost.wait()
    raise LeadershipLost("the Lease is not ours any more")


async def _first_end(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the order to stop, or for a duty that ended; raises what ended it."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in tasks:
        if task in done:
            task.result()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Kopf ends by its own flag; the others are cancelled before: after the Lease is lost nothing may be written."""
    watching, *others = tasks
    for task in others:
        task.cancel()
    await asyncio.wait([watching], timeout=KOPF_GRACE)
    watching.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _unless(stop: asyncio.Event, waiting: Coroutine[Any, Any, None]) -> bool:
    """Waits for one thing; False when told to stop before."""
    task, stopped = asyncio.ensure_future(waiting), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    return False
