"""What a replica does while it leads: watch, work, resync and tell, until told to stop or until a duty ends."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from time import monotonic
from typing import Any

from keypool.cluster.cache import PROVIDERS, Kind, watched
from keypool.cluster.lease import LeadershipLost
from keypool.reconcile.pool import PoolReconciler
from keypool.reconcile.provider import ProviderReconciler
from keypool.reconcile.world import World
from keypool.settings import Settings
from keypool.tasks import end
from keypool.watch.kopf_watch import run_kopf
from keypool.watch.ledger_check import LedgerCheck, watch_installation
from keypool.watch.liveness import Liveness
from keypool.watch.namespace_check import LOOK, watch_namespaces, watch_served
from keypool.watch.queue import WorkQueue, run_workers
from keypool.watch.resync import Resync

_log = logging.getLogger(__name__)

UNSERVED = "a namespace with keys is not served: nothing is rotated or revoked there; add it to KEYPOOL_NAMESPACES"
ANSWERS_WITHIN = 3.0
"""Seconds that a provider gets, at the end of a leadership, to answer calls that change something, such as creates.
What is not answered by then is lost, and for the next leader: everybody's leaks wait for the Lease."""
KOPF_GRACE = 3.0
"""Seconds that Kopf gets to end its watches, which change nothing, after the Lease was released."""


class GaveUp(Exception):
    """The Lease was ours and was given up, because we could do nothing with it; says why."""


class Leader:
    """The duties of one leadership; `run` once. `blind`: seconds without any sight of the cluster after which the
    Lease is given up."""

    def __init__(
        self, settings: Settings, world: World, queue: WorkQueue, liveness: Liveness, blind: float = 300.0
    ) -> None:
        self._settings, self._world, self._queue, self._liveness = settings, world, queue, liveness
        self._blind, self._began = blind, monotonic()
        served, every = settings.served, settings.resync
        self._resync = Resync(world.client, world.cache, self._touch, namespaces=served, every=every, liveness=liveness)
        liveness.on_sight = self._touch_place
        self._lost = asyncio.Event()
        self._kopf_stop = asyncio.Event()
        self._observe_gauges()

    async def run(
        self,
        stop: asyncio.Event,
        running: tuple[asyncio.Task[None], ...],
        release: Callable[[], Awaitable[None]],
        after_kopf_start: Callable[[], None],
    ) -> None:
        """Until `stop` is set; then what is under way is finished. Raises what ended a duty before, such as
        LeadershipLost, or GaveUp, before which it is finished, too. `running` are duties that were begun before;
        `release` lets the next leader in."""
        watching = asyncio.create_task(self._watch(after_kopf_start))
        duties = (self._work(), self._begin(), self._resync.run(), *self._checks(), *self._ends())
        writing = [*(asyncio.create_task(duty) for duty in duties), *running]
        try:
            await _first_end(stop, [watching, *writing])
            await self._finish()
        except GaveUp:
            await self._finish()
            raise
        finally:
            self._queue.close()
            self._kopf_stop.set()
            try:
                await end(*writing)
                await release()
                await asyncio.wait([watching], timeout=KOPF_GRACE)
            finally:
                await end(watching)

    async def _watch(self, after_kopf_start: Callable[[], None]) -> None:
        await run_kopf(
            self._world.client,
            self._world.cache,
            self._touch,
            liveness=self._liveness,
            stop_flag=self._kopf_stop,
            namespaces=self._settings.served,
            after_start=after_kopf_start,
        )

    def _checks(self) -> tuple[Coroutine[None, None, None], ...]:
        """Of what is stored beside the operator and not watched."""
        world, every = self._world, self._settings.resync
        ledgers = LedgerCheck(world.client, world.ledgers, world.installed, world.touch_pool, every)
        labels = watch_namespaces(world.namespaces, world.cache, world.touch_pool, min(every, LOOK))
        served = watch_served(world.client, self._settings.served, self._liveness, min(every, LOOK))
        return ledgers.run(), watch_installation(world.installed, self._touch_all, every), labels, served

    def _touch_all(self) -> None:
        for kind in (*PROVIDERS, Kind.POOL):
            for entry in self._world.cache.store(kind):
                self._queue.add_soon(f"{'pool' if kind is Kind.POOL else 'provider'}/{entry.uid}")
        for handle in self._world.ledgers.all():  # also of pools that are gone
            self._queue.add_soon(f"pool/{handle.ledger.pool_uid}")

    def _touch_place(self, place: str | None) -> None:
        """A namespace came into sight; None is the whole cluster."""
        ledgers = [(handle.ledger.namespace, handle.ledger.pool_uid) for handle in self._world.ledgers.all()]
        pools = [(obj["metadata"]["namespace"], obj["metadata"]["uid"]) for obj in self._world.cache.pools()]
        for namespace, uid in (*ledgers, *pools):
            if place in (None, namespace):
                self._queue.add_soon(f"pool/{uid}")

    def _touch(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        if kind is Kind.HOLDER:
            for uid in self._world.reports.woken_by(obj["metadata"]["uid"]):
                self._queue.add(f"pool/{uid}")
            return
        if kind in PROVIDERS:
            self._queue.add(f"provider/{obj['metadata']['uid']}")
        add = self._queue.add_soon if kind in PROVIDERS else self._queue.add
        for uid in self._world.cache.pools_touched(kind, obj):
            add(f"pool/{uid}")

    def _ends(self) -> tuple[Coroutine[None, None, None], ...]:
        """What ends a leadership."""
        return self._raise_when_lost(), self._raise_when_blind()

    async def _begin(self) -> None:
        """Begins with all pools when the cache is complete, or what is missing in it is known: else that would look
        deleted."""
        await self._liveness.begin()
        self._tell_unserved()
        self._queue.only_urgent("pool", only=False)
        for handle in self._world.ledgers.all():
            self._queue.add(f"pool/{handle.ledger.pool_uid}")
        for uid in {
            *self._world.accounts.recorded(),
            *self._world.budgets.recorded(),
            *self._world.directory.kept(),
        }:
            self._queue.add(f"provider/{uid}")
        await asyncio.Event().wait()

    async def _work(self) -> None:
        """Looks at providers, and answers leaks, as soon as it is known which pools and providers there are."""
        self._queue.only_urgent("pool", only=True)
        await self._liveness.begin(secrets=False)
        pools, providers = PoolReconciler(self._world), ProviderReconciler(self._world)

        async def handle_key(key: str) -> float | None:
            kind, _, uid = key.partition("/")
            started, outcome = monotonic(), "ok"
            try:
                if not self._world.leadership.remaining():
                    raise LeadershipLost("the Lease ran out")
                return await (pools if kind == "pool" else providers).reconcile(uid)
            except LeadershipLost:
                self._lost.set()
                raise
            except Exception as error:
                outcome = type(error).__name__
                self._world.metrics.failing.failed(kind, uid)
                raise
            finally:
                self._world.metrics.reconcile_seconds.labels(kind, outcome).observe(monotonic() - started)

        await run_workers(self._queue, handle_key)

    async def _raise_when_lost(self) -> None:
        await self._lost.wait()
        raise LeadershipLost("the Lease is not ours any more")

    async def _raise_when_blind(self) -> None:
        """Somebody else may see more. That the Lease is ours shows that the API server is there."""
        while True:
            await asyncio.sleep(max(self._blind - self._liveness.blind_for(), 0.05))
            if (blind := self._liveness.blind_for()) >= self._blind:
                raise GaveUp(f"for {blind:.0f} s nothing could be listed or watched, in no namespace")

    def _tell_unserved(self) -> None:
        """Once: ledgers of pools where this operator is not to look."""
        served = self._liveness.serves
        spaces = Counter(each for handle in self._world.ledgers.all() if not served(each := handle.ledger.namespace))
        for namespace, pools in sorted(spaces.items()):
            _log.warning(UNSERVED, extra={"namespace": namespace, "pools": pools})

    def _unserved(self) -> int:
        places = Counter(handle.ledger.namespace for handle in self._world.ledgers.all())
        return sum(ledgers for place, ledgers in places.items() if not self._liveness.sees(place))

    async def _finish(self) -> None:
        """Lets passes that are under way come to their end; new ones are not begun."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.grace):
                await self._queue.drain(ANSWERS_WITHIN)

    def _observe_gauges(self) -> None:
        world = self._world
        world.metrics.read_holders(partial(len, world.cache.holders))
        world.metrics.read_when_scraped(
            queue_depth=lambda: self._queue.depth,
            queue_wait=self._queue.longest_wait,
            keys_owed=world.ledgers.owed.keys,
            leader=lambda: world.leadership.remaining() > 0,
            watch_ages={kind.value: partial(self._age, kind) for kind in watched(self._settings.served)},
            resync_age=lambda: self._since(self._resync.age),
            served={name: partial(self._liveness.is_served, name) for name in self._settings.served},
            ledgers_unserved=self._unserved,
        )

    def _age(self, kind: Kind) -> float:
        return self._since(self._liveness.ages()[kind])

    def _since(self, age: float | None) -> float:
        """What never was is as old as this leadership."""
        return monotonic() - self._began if age is None else age


async def _first_end(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the order to stop, or for a duty that ended; raises what ended it."""
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(stopped)
    for task in tasks:
        if task in done:
            task.result()
