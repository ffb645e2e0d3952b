"""The reconciler of pools: passes of observe, plan, perform until nothing is left to do now, then conclude."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.cache import provider_place
from keypool.cluster.errors import KubeError, NotFound, told_of
from keypool.cluster.ledgers import LedgerHandle
from keypool.core.decision import Plan, earliest
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation
from keypool.core.plan import LOOK_AGAIN, plan
from keypool.core.reasons import Reason
from keypool.core.rotation import is_compromised
from keypool.core.rules.holding import FINALIZER as HOLDING
from keypool.errand import ERRAND
from keypool.reconcile.admission import admit
from keypool.reconcile.bereft import Bereft
from keypool.reconcile.context import Pass
from keypool.reconcile.first_sight import reported_when_slow
from keypool.reconcile.holding import put_back
from keypool.reconcile.memory import Memory
from keypool.reconcile.observe import observe
from keypool.reconcile.perform import perform
from keypool.reconcile.readings import FINALIZER
from keypool.reconcile.recovery import Recovery, is_behind, may_wait
from keypool.reconcile.report import Reporter
from keypool.reconcile.unforeseen import Unforeseen
from keypool.reconcile.world import World

MOST_PASSES = 25
"""Passes in a row over one pool before others get their turn."""
View = tuple[Observation, Plan, datetime]
RECHECK, SOONEST = 1.0, 0.05
"""Seconds: after passes that did not settle; and the shortest pause at all."""


@dataclass(slots=True)
class Views:
    """What the latest pass saw and decided, until all is concluded. Of a report on the way and the one at the end, one
    waits for the other: at once, they would be in each other's way."""

    latest: View | None = None
    reporting: asyncio.Lock = field(default_factory=asyncio.Lock)


class PoolReconciler:
    """`reconcile(uid)` is never run twice at once for a pool; the queue sees to that."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memories: dict[str, Memory] = {}
        self._reporter = Reporter(world)
        self._recovery = Recovery()
        self._bereft = Bereft(world, self._reporter, self._recovery)
        self._unforeseen = Unforeseen(world, self._reporter.measure_failed)

    async def reconcile(self, uid: str) -> float | None:
        """Brings one pool to where it should be now; seconds until it must be looked at again, None for never."""
        if not self._is_in_sight(uid):
            self._unforeseen.over(uid, "pool")
            return None  # looked at as soon as its namespace is
        try:
            pause = await self._reconcile(uid)
        except KubeError:
            raise
        except BaseException as error:  # noqa: BLE001 - one place for all that nobody foresaw
            sent = self._memories[uid].sent if uid in self._memories else frozenset()
            return await self._unforeseen.of_pool(uid, error, sent)
        finally:
            self._world.budgets.let_go(uid)
            self._let_others_go_on()
        self._unforeseen.over(uid, "pool")
        return pause

    def _let_others_go_on(self) -> None:
        """What was done, or went, may have been in the way of pools that were refused."""
        if self._world.tenancy is not None:
            self._world.tenancy.look()
        self._world.debts.look()

    def _is_in_sight(self, uid: str) -> bool:
        """False for pools and ledgers of a namespace that is not served, or refused: nothing is known of them. The
        answer to a leak waits for no list of Secrets: whoever may write some can make that long."""
        obj, handle = self._world.cache.pool(uid), self._world.ledgers.get(uid)
        sight, errand = self._world.sight, ERRAND.get()
        sees = sight.sees_claims if errand is not None and errand.urgent else sight.sees
        if obj is not None:
            return sees(obj["metadata"]["namespace"])
        return handle is None or sees(handle.ledger.namespace)

    async def _reconcile(self, uid: str) -> float | None:
        world = self._world
        obj, handle = world.cache.pool(uid), world.ledgers.get(uid)
        if obj is None:
            self._reporter.end_series(uid)
            world.reports.forget(uid)
            self._bereft.census.note(uid, None)
        if obj is None and handle is None:  # a ledger may be all that is left, and may have been mended
            await world.ledgers.look_again(uid)
            handle = world.ledgers.get(uid)
            if handle is None or not self._is_in_sight(uid):
                self._memories.pop(uid, None)
                return None
        if obj is None and world.installed.changed is not None:
            return None
        if obj is None and handle is not None and not await self._is_gone(handle.ledger):
            return LOOK_AGAIN.total_seconds()
        memory = self._memories.setdefault(uid, Memory())
        memory.owes = obj is None and handle is not None and not any(map(is_compromised, handle.ledger.keys))
        self._take_turns(uid, memory)
        if obj is not None and not await self._bereft.has_ledger(obj, memory):
            return self._bereft.look_again(memory)
        if (handle := world.ledgers.get(uid)) is None:
            assert obj is not None  # noqa: S101
            handle = world.ledgers.open(uid, obj["metadata"]["namespace"], obj["metadata"]["name"])
        if obj is not None and memory.new_generation(obj["metadata"]["generation"]):
            self._reckon(obj)
        try:
            with told_of("the pool's ledger"):
                await handle.flush()
            return await self._heard_passes(uid, handle, memory)
        except KubeError as error:
            person, text = error.needs_person, error.told
            memory.failed("cluster", Reason.CLUSTER_UNAVAILABLE, text, world.now(), world.random(), person=person)
            await self._report_failure(uid, handle, memory, error)
            raise

    async def _report_failure(self, uid: str, handle: LedgerHandle, memory: Memory, failed: KubeError) -> None:
        """What keeps a pass from its end, such as a ledger that cannot be written, is told all the same. Where not even
        the status can be written, a denial is told by an Event."""
        try:
            observation = await observe(self._world, uid, handle.ledger, memory, set())
            await self._reporter.conclude(observation, Plan(handle.ledger), self._world.now())
        except KubeError as error:
            told, ledger = (failed if failed.needs_person else error), handle.ledger
            if told.needs_person:
                subject = Subject.of_ledger(ledger)
                await self._world.announcer.announce(subject, "Warning", Reason.CLUSTER_UNAVAILABLE, told.told)

    def _reckon(self, obj: dict[str, Any]) -> None:
        """Another spec may need more requests than the account's budget grants."""
        named = self._world.cache.provider(*provider_place(obj))
        if named is not None and self._world.budgets.quota(named["metadata"]["uid"]) is not None:
            self._world.touch_provider(named["metadata"]["uid"])

    def _take_turns(self, uid: str, memory: Memory) -> None:
        """What had to wait for the account's request budget, and may go on now."""
        for activity in self._world.budgets.turns(uid):
            memory.resume(activity)

    def _has_finalizer(self, uid: str) -> bool:
        obj = self._world.cache.pool(uid)
        return obj is not None and FINALIZER in (obj["metadata"].get("finalizers") or ())

    async def _is_gone(self, ledger: Ledger) -> bool:
        """Read live: a pool that is merely not served any more keeps its keys."""
        try:
            live = await self._world.client.get(paths.pool(ledger.namespace, ledger.pool))
        except NotFound:
            return True
        return bool(live["metadata"]["uid"] != ledger.pool_uid)

    async def _heard_passes(self, uid: str, handle: LedgerHandle, memory: Memory) -> float | None:
        """What relays report of the pool's keys counts, too."""
        passes = partial(self._reported_passes, uid, handle, memory)
        return await self._world.reports.around(handle.ledger, memory.checks, passes)

    async def _reported_passes(self, uid: str, handle: LedgerHandle, memory: Memory) -> float | None:
        """A generation is reported before it is satisfied, where that takes more than a moment: also one that was
        reported as waiting before, and is being worked on now."""
        views = Views()
        if _is_satisfied(self._world.cache.pool(uid), handle.ledger):
            return await self._passes(uid, handle, memory, views)
        async with reported_when_slow(partial(self._report_progress, handle, views)):
            return await self._passes(uid, handle, memory, views)

    async def _report_progress(self, handle: LedgerHandle, views: Views) -> bool:
        """Not while the finalizer is on its way: that write and this one would be in each other's way."""
        async with views.reporting:
            if views.latest is None or not self._has_finalizer(handle.ledger.pool_uid):
                return False
            with contextlib.suppress(KubeError):  # a report that cannot be written stops no work
                observation, decided, now = views.latest
                await self._reporter.conclude(replace(observation, ledger=handle.ledger), decided, now)
            return True

    async def _conclude(self, views: Views, observation: Observation, decided: Plan, now: datetime) -> datetime | None:
        """When the status is to be written back, None where it stands."""
        async with views.reporting:
            views.latest = None
            again = await self._reporter.conclude(observation, decided, now)
        return now + timedelta(seconds=again) if again else None

    def _calm_down(self, uid: str, memory: Memory, now: datetime) -> None:
        """What nobody fights over any more is forgotten."""
        memory.calm_down(now)
        if self._has_finalizer(uid):
            memory.held_out(HOLDING, now)

    async def _passes(self, uid: str, handle: LedgerHandle, memory: Memory, views: Views) -> float | None:
        world, stuck = self._world, False
        absent: set[str] = set()
        for count in range(MOST_PASSES):
            if world.ending() and count:
                break
            self._take_turns(uid, memory)
            now = world.now()
            self._calm_down(uid, memory, now)
            observation = await observe(world, uid, handle.ledger, memory, absent)
            if memory.provider_is(observation.provider is not None and observation.provider_problem is None):
                continue
            if observation.pool is not None and is_behind(observation) and may_wait(observation, now):
                problem = await self._recovery.restore(Pass(world, observation, handle, memory))
                if problem is not None:
                    await put_back(world, Pass(world, observation, handle, memory).subject, memory)
                    waiting = replace(observation, recovery=problem, secret_problem=None)
                    await self._conclude(views, waiting, Plan(handle.ledger), now)
                    return self._bereft.look_again(memory)
                continue
            decided = plan(observation, now)
            settled = decided.ledger == observation.ledger and (stuck or not decided.actions)
            if settled and "cluster" in memory.troubles:  # all that was to be written is
                memory.succeeded("cluster")
                continue
            if settled:
                again = await self._conclude(views, observation, decided, now)
                next_try = memory.next_try(now) if stuck else None
                return self._pause(handle, earliest(decided.wake_at, next_try, again), now)
            views.latest = (observation, decided, now)
            this = Pass(world, observation, handle, memory)
            if not admit(this, decided):
                continue
            done = await perform(this, decided)
            memory.creates = None
            stuck = not done and handle.ledger.keys == observation.ledger.keys
            memory.succeeded("cluster")
            memory.forget_keys(lambda name: handle.ledger.key(name) is not None)
            if world.ledgers.get(uid) is not handle:  # nothing was left to remember
                self._memories.pop(uid, None)
                return None
        return RECHECK

    def _pause(self, handle: LedgerHandle, wake_at: datetime | None, now: datetime) -> float | None:
        if not handle.ledger.keys and not handle.exists:
            self._world.ledgers.forget(handle.ledger.pool_uid)
        return max((wake_at - now).total_seconds(), SOONEST) if wake_at is not None else None


def _is_satisfied(obj: dict[str, Any] | None, ledger: Ledger) -> bool:
    """Nothing is to be reported early: the pool is gone, or the ledger and the status have its generation."""
    if obj is None:
        return True
    generation, observed = obj["metadata"]["generation"], (obj.get("status") or {}).get("observedGeneration")
    return bool(observed == generation == ledger.satisfied_generation)
