"""Pools without a usable ledger: unreadable, lost, or so many lost that something else must be wrong."""

from dataclasses import replace
from typing import Any

from keypool.cluster.announcer import Subject
from keypool.core.decision import Plan
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation, Problem
from keypool.core.plan import LOOK_AGAIN
from keypool.core.reasons import Reason
from keypool.reconcile import objects
from keypool.reconcile.census import Census, is_missing
from keypool.reconcile.context import Pass
from keypool.reconcile.holding import put_back
from keypool.reconcile.memory import Memory
from keypool.reconcile.observe import observe
from keypool.reconcile.readings import FINALIZER
from keypool.reconcile.recovery import ACTIVITY, Recovery, may_wait
from keypool.reconcile.report import Reporter
from keypool.reconcile.world import World


class Bereft:
    """Decides whether a pool may be worked on, and does what can be done for one that may not."""

    def __init__(self, world: World, reporter: Reporter, recovery: Recovery) -> None:
        self._world, self._reporter, self._recovery = world, reporter, recovery
        self.census = Census(world)

    async def has_ledger(self, obj: dict[str, Any], memory: Memory) -> bool:
        """False while the pool must not be worked on; its status then says why. A pool with our finalizer and no
        ledger is not a new pool; an unreadable ledger is not an empty one."""
        world, uid = self._world, obj["metadata"]["uid"]
        if self._cluster_changed() is not None:
            await self._say(obj, memory, self._cluster_changed())
            return False
        if not self._is_troubled(obj):
            self.census.note(uid, obj)
            return True
        await world.ledgers.look_again(uid)
        self.census.note(uid, obj)
        if not self._is_troubled(obj):
            return True
        if uid in world.ledgers.unreadable:
            await put_back(world, Subject.of_pool(obj), memory)
            world.auditor.unreadable(
                Ledger(pool_uid=uid, namespace=obj["metadata"]["namespace"], pool=obj["metadata"]["name"]),
                self._why(uid),
            )
            await self._say(obj, memory, Problem(Reason.LEDGER_UNREADABLE, f"{self._where(uid)}: {self._why(uid)}"))
            return False
        return await self._rebuilt(obj, memory)

    def look_again(self, memory: Memory) -> float:
        """Seconds until such a pool is looked at again."""
        now = self._world.now()
        pause = memory.wait_until.get(ACTIVITY)
        return min(LOOK_AGAIN.total_seconds(), max((pause - now).total_seconds(), 0.05) if pause else 1e9)

    def _cluster_changed(self) -> Problem | None:
        return self._world.installed.changed

    def _is_troubled(self, obj: dict[str, Any]) -> bool:
        uid = obj["metadata"]["uid"]
        ours = FINALIZER in (obj["metadata"].get("finalizers") or ())
        return uid in self._world.ledgers.unreadable or (ours and is_missing(self._world, uid))

    def _where(self, uid: str) -> str:
        book = self._world.ledgers
        return f"Secret {book.path(uid).rsplit('/', 1)[1]} in namespace {book.namespace}"

    def _why(self, uid: str) -> str:
        return self._world.ledgers.unreadable[uid]

    async def _rebuilt(self, obj: dict[str, Any], memory: Memory) -> bool:
        world, meta = self._world, obj["metadata"]
        handle = world.ledgers.open(meta["uid"], meta["namespace"], meta["name"])
        observation = await observe(world, meta["uid"], handle.ledger, memory, set())
        this = Pass(world, observation, handle, memory)
        if observation.crd_going or not may_wait(observation, world.now()):
            await objects.let_go(this)
            world.ledgers.forget(meta["uid"])
            return False
        problem = self.census.problem(world.installed.confirmed_missing) or await self._recovery.rebuild(this)
        if problem is None:
            self.census.note(meta["uid"], obj)
            return True
        world.ledgers.forget(meta["uid"])
        await self._conclude(observation, problem)
        return False

    async def _say(self, obj: dict[str, Any], memory: Memory, problem: Problem | None) -> None:
        world, meta = self._world, obj["metadata"]
        handle = world.ledgers.get(meta["uid"])
        empty = Ledger(pool_uid=meta["uid"], namespace=meta["namespace"], pool=meta["name"])
        observation = await observe(world, meta["uid"], handle.ledger if handle else empty, memory, set())
        if problem is not None:
            await self._conclude(observation, problem)

    async def _conclude(self, observation: Observation, problem: Problem) -> None:
        problems = (problem,) if problem.stalls else ()
        waiting = observation if problem.stalls else replace(observation, recovery=problem)
        await self._reporter.conclude(waiting, Plan(observation.ledger, problems=problems), self._world.now())
