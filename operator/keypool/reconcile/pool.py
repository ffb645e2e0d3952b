"""The reconciler of pools: passes of observe, plan, perform until nothing is left to do now, then conclude."""

import contextlib
from collections import Counter
from datetime import datetime
from functools import partial
from typing import Any

from keypool.api.pool_status import ApiKeyPoolStatus
from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.cache import Kind
from keypool.cluster.errors import Conflict, KubeError, NotFound
from keypool.cluster.ledgers import LedgerHandle
from keypool.core.conclude import conclude
from keypool.core.decision import Plan, earliest
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation, Problem
from keypool.core.plan import LOOK_AGAIN, plan
from keypool.core.reasons import Condition, Reason
from keypool.reconcile import objects
from keypool.reconcile.context import Pass
from keypool.reconcile.first_sight import reported_when_slow
from keypool.reconcile.memory import Memory
from keypool.reconcile.observe import observe
from keypool.reconcile.perform import perform
from keypool.reconcile.readings import FINALIZER, conditions
from keypool.reconcile.world import World

MOST_PASSES = 25
"""Passes in a row over one pool before others get their turn."""
View = tuple[Observation, Plan, datetime]
RECHECK, SOONEST = 1.0, 0.05
"""Seconds: after passes that did not settle; and the shortest pause at all."""


class PoolReconciler:
    """`reconcile(uid)` is never run twice at once for a pool; the queue sees to that."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memories: dict[str, Memory] = {}
        self._measured: dict[str, tuple[str, str]] = {}

    async def reconcile(self, uid: str) -> float | None:
        """Brings one pool to where it should be now; seconds until it must be looked at again, None for never."""
        world = self._world
        obj, handle = world.cache.pool(uid), world.ledgers.get(uid)
        if obj is None:
            self._end_series(uid)
        if obj is None and handle is None:
            self._memories.pop(uid, None)
            return None
        if obj is None and handle is not None and not await self._is_gone(handle.ledger):
            return LOOK_AGAIN.total_seconds()
        memory = self._memories.setdefault(uid, Memory())
        if obj is not None and self._ledger_problem(obj, handle) is not None:
            await world.ledgers.look_again(uid)
            handle = world.ledgers.get(uid)
            if (problem := self._ledger_problem(obj, handle)) is not None:
                return await self._without_ledger(obj, memory, problem)
        if handle is None:
            assert obj is not None  # noqa: S101
            handle = world.ledgers.open(uid, obj["metadata"]["namespace"], obj["metadata"]["name"])
        if obj is not None:
            memory.new_generation(obj["metadata"]["generation"])
        try:
            await handle.flush()
            return await self._reported_passes(uid, handle, memory)
        except KubeError as error:
            memory.failed("cluster", Reason.CLUSTER_UNAVAILABLE, str(error), world.now(), world.random())
            raise

    def _end_series(self, uid: str) -> None:
        """Those of a pool that went, unless a new one has its name: they are that one's."""
        name = self._measured.pop(uid, None)
        if name is not None and name not in self._measured.values():
            self._world.metrics.on_pool_gone(*name)

    async def _is_gone(self, ledger: Ledger) -> bool:
        """Read live: a pool that is merely not served any more keeps its keys."""
        try:
            live = await self._world.client.get(paths.pool(ledger.namespace, ledger.pool))
        except NotFound:
            return True
        return bool(live["metadata"]["uid"] != ledger.pool_uid)

    async def _reported_passes(self, uid: str, handle: LedgerHandle, memory: Memory) -> float | None:
        """A new generation is reported before it is satisfied, where that takes more than a moment."""
        views: list[View] = []
        if not _is_first_sight(self._world.cache.pool(uid)):
            return await self._passes(uid, handle, memory, views)
        async with reported_when_slow(partial(self._report_progress, uid, views)):
            return await self._passes(uid, handle, memory, views)

    async def _report_progress(self, uid: str, views: list[View]) -> bool:
        """Not while the finalizer is on its way: that write and this one would be in each other's way."""
        obj = self._world.cache.pool(uid)
        if obj is None or not views or FINALIZER not in (obj["metadata"].get("finalizers") or ()):
            return False
        with contextlib.suppress(KubeError):  # a report that cannot be written stops no work
            await self._conclude(*views[-1])
        return True

    async def _passes(self, uid: str, handle: LedgerHandle, memory: Memory, views: list[View]) -> float | None:
        """`views` holds what the latest pass saw and decided, until all is concluded."""
        world, stuck = self._world, False
        absent: set[str] = set()
        for count in range(MOST_PASSES):
            if world.ending() and count:
                break
            now = world.now()
            observation = await observe(world, uid, handle.ledger, memory, absent)
            if memory.provider_is(observation.provider is not None and observation.provider_problem is None):
                continue
            decided = plan(observation, now)
            settled = decided.ledger == observation.ledger and (stuck or not decided.actions)
            if settled:
                views.clear()
                await self._conclude(observation, decided, now)
                return self._pause(handle, earliest(decided.wake_at, memory.next_try(now) if stuck else None), now)
            views[:] = [(observation, decided, now)]
            done = await perform(Pass(world, observation, handle, memory), decided)
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

    def _ledger_problem(self, obj: dict[str, Any], handle: LedgerHandle | None) -> Problem | None:
        """A pool with our finalizer and no ledger is not a new pool; an unreadable ledger is not an empty one."""
        uid, book = obj["metadata"]["uid"], self._world.ledgers
        where = f"Secret {book.path(uid).rsplit('/', 1)[1]} in namespace {book.namespace}"
        if uid in book.unreadable:
            return Problem(Reason.LEDGER_UNREADABLE, f"{where}: {book.unreadable[uid]}")
        if FINALIZER in (obj["metadata"].get("finalizers") or ()) and (handle is None or not handle.exists):
            return Problem(Reason.LEDGER_MISSING, f"{where} is gone: the pool's keys are unknown and left alone")
        return None

    async def _without_ledger(self, obj: dict[str, Any], memory: Memory, problem: Problem) -> float:
        """Nothing is done for such a pool, except that a deleted one whose ledger is gone may go."""
        world, meta, now = self._world, obj["metadata"], self._world.now()
        ledger = Ledger(pool_uid=meta["uid"], namespace=meta["namespace"], pool=meta["name"])
        observation = await observe(world, meta["uid"], ledger, memory, set())
        await self._conclude(observation, Plan(ledger, problems=(problem,)), now)
        if problem.reason is Reason.LEDGER_MISSING and "deletionTimestamp" in meta:
            handle = world.ledgers.open(meta["uid"], meta["namespace"], meta["name"])
            await objects.let_go(Pass(world, observation, handle, memory))
            world.ledgers.forget(meta["uid"])
        return LOOK_AGAIN.total_seconds()

    async def _conclude(self, observation: Observation, decided: Plan, now: datetime) -> None:
        """Folds everything into the status, once; equal status is not written."""
        obj = self._world.cache.pool(observation.ledger.pool_uid)
        if obj is None or observation.pool is None:
            return
        status = conclude(observation, decided.problems, conditions(obj), now)
        self._measure(observation.ledger, status)
        await self._announce_stall(obj, status)
        if obj.get("status") != (report := status.dump()):
            await self._write_status(obj, report)

    def _measure(self, ledger: Ledger, status: ApiKeyPoolStatus) -> None:
        ready = any(condition.type == Condition.READY and condition.status == "True" for condition in status.conditions)
        rotation = status.next_rotation.at if status.next_rotation is not None else None
        keys = Counter(key.state.value for key in ledger.keys)
        self._measured[ledger.pool_uid] = ledger.namespace, ledger.pool
        self._world.metrics.on_pool(ledger.namespace, ledger.pool, ready, rotation, keys)

    async def _write_status(self, obj: dict[str, Any], status: dict[str, Any]) -> None:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        try:
            stored = await self._world.client.replace(paths.pool_status(namespace, name), {**obj, "status": status})
        except NotFound:
            return
        except Conflict:
            self._world.cache.upsert(Kind.POOL, await self._world.client.get(paths.pool(namespace, name)))
            self._world.touch_pool(obj["metadata"]["uid"])
            return
        self._world.cache.upsert(Kind.POOL, stored)

    async def _announce_stall(self, obj: dict[str, Any], status: ApiKeyPoolStatus) -> None:
        """One Event each time that another reason asks for a person."""
        before = {condition.reason for condition in conditions(obj) if condition.type == Condition.STALLED}
        for condition in status.conditions:
            if condition.type == Condition.STALLED and condition.reason not in before:
                meta = obj["metadata"]
                subject = Subject("ApiKeyPool", meta["namespace"], meta["name"], meta["uid"])
                reason, note = Reason(condition.reason), condition.message
                await self._world.announcer.announce(subject, "Warning", reason, note)


def _is_first_sight(obj: dict[str, Any] | None) -> bool:
    if obj is None:
        return False
    return bool((obj.get("status") or {}).get("observedGeneration") != obj["metadata"]["generation"])
