"""Last step of a pass: the pool's status, metrics and Events, concluded once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from keypool.api.pool_status import ApiKeyPoolStatus
from keypool.api.status import Condition as ConditionModel
from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.cache import Kind
from keypool.cluster.errors import Conflict, NotFound, told_of
from keypool.cluster.keeping import with_status
from keypool.core.conclude import conclude
from keypool.core.decision import Plan
from keypool.core.leaks import Leak, uncontained
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation
from keypool.core.reasons import Condition, Reason
from keypool.core.spending import fraction, total
from keypool.core.upcoming import told_to_wait
from keypool.reconcile.measures import failed_state, pool_state
from keypool.reconcile.readings import conditions
from keypool.reconcile.world import World
from keypool.reconcile.write_backs import WriteBacks
from keypool.serve.pools import PoolState
from keypool.serve.usage import PoolUsage

SPENT = (Reason.SPEND_LIMIT_NEAR, Reason.SPEND_LIMIT_REACHED)


class Reporter:
    """Writes what differs, and remembers which series it began."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._measured: dict[str, tuple[str, str]] = {}
        self._owner: dict[tuple[str, str], str] = {}
        self._write_backs = WriteBacks(world.now)

    def end_series(self, uid: str) -> None:
        """Ends the series of a pool that went, unless a new one has its name: they are that one's."""
        self._write_backs.forget(uid)
        self._world.auditor.forget(uid)
        name = self._measured.pop(uid, None)
        if name is not None and self._owner.get(name) == uid:
            del self._owner[name]
            self._world.metrics.on_pool_gone(*name)

    async def conclude(self, observation: Observation, decided: Plan, now: datetime) -> float:
        """Folds everything into the status, once; equal status is not written. Seconds until it is to be written back,
        where somebody else writes it again and again; 0 where nothing is left to be written."""
        obj = self._world.cache.pool(observation.ledger.pool_uid)
        if obj is None or observation.pool is None:
            return 0.0
        before = conditions(obj)
        self._world.auditor.outstanding(observation, decided.ledger, decided.problems, now)
        status = conclude(observation, decided.problems, before, now)
        self._measure(observation, status, uncontained(observation, decided.problems), now)
        self._measure_usage(observation)
        if obj.get("status") == (report := status.dump()):
            return 0.0
        if (again := self._write_backs.wait(obj["metadata"]["uid"], report)) > 0:
            return again
        if await self._write_status(obj, report):
            self._write_backs.written(obj["metadata"]["uid"], report)
            await self._announce(obj, before, status)
        return 0.0

    def _measure(self, o: Observation, status: ApiKeyPoolStatus, leak: Leak | None, now: datetime) -> None:
        before = self._began(o.ledger)
        self._note(o.ledger, pool_state(o, status, leak, before, now))

    def measure_failed(self, ledger: Ledger, told: Sequence[ConditionModel]) -> None:
        """A pass that failed says nothing but that; what was measured before stays beside it."""
        self._note(ledger, failed_state(ledger, told, self._began(ledger)))

    def _began(self, ledger: Ledger) -> PoolState | None:
        """What was measured of this pool before, and of no earlier one of its name."""
        name = ledger.namespace, ledger.pool
        return self._world.metrics.pools.get(*name) if self._measured.get(ledger.pool_uid) == name else None

    def _note(self, ledger: Ledger, state: PoolState) -> None:
        name = ledger.namespace, ledger.pool
        self._measured[ledger.pool_uid], self._owner[name] = name, ledger.pool_uid
        self._world.metrics.pools.note(*name, state)

    async def _write_status(self, obj: dict[str, Any], status: dict[str, Any]) -> bool:
        """Whether it stands there now. What could not be written is concluded, and told, again."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        try:
            with told_of("the pool's status"):
                stored = await self._world.client.replace(paths.pool_status(namespace, name), with_status(obj, status))
        except NotFound:
            return False
        except Conflict:
            self._world.cache.upsert(Kind.POOL, await self._world.client.get(paths.pool(namespace, name)))
            self._world.touch_pool(obj["metadata"]["uid"])
            return False
        self._world.cache.upsert(Kind.POOL, stored)
        return True

    def _measure_usage(self, o: Observation) -> None:
        """A total that is not whole again after a restart leaves the series as they are."""
        if o.provider is None or not o.provider.capabilities.reads_usage or o.known_pool.spec is None:
            return
        if (used := total(o.ledger, o.usage)) is None:
            return
        limit, size = o.effective.limits.spend, o.effective.size
        spending = o.provider.capabilities.tells_usage
        part = fraction(o.ledger, limit, size, o.usage) if limit is not None and spending else None
        keys = {name: usage for name, usage in o.usage.items() if o.ledger.key(name) is not None}
        self._world.metrics.usage.note(o.ledger.namespace, o.ledger.pool, PoolUsage(used, keys, part))

    async def _announce(
        self, obj: dict[str, Any], before: tuple[ConditionModel, ...], status: ApiKeyPoolStatus
    ) -> None:
        """One Event each time that another reason asks for a person, or more of the spending limit is used up."""
        subject, known = Subject.of_pool(obj), {(condition.type, _news(condition)) for condition in before}
        for condition in status.conditions:
            told = condition.type == Condition.STALLED or condition.reason in (*SPENT, Reason.KEY_AGEING)
            told |= condition.type == Condition.REVOKED and condition.reason == Reason.LEAK_NOT_CONTAINED
            if told and (condition.type, _news(condition)) not in known:
                reason, note = Reason(condition.reason), condition.message
                await self._world.announcer.announce(subject, "Warning", reason, note)
        raw = (obj.get("status") or {}).get("nextRotation")
        waits = told_to_wait(status.next_rotation)
        if waits is not None and status.next_rotation is not None and status.next_rotation.dump() != raw:
            await self._world.announcer.announce(subject, "Normal", Reason.ROTATION_WAITS, waits)
        told_before = {warning.get("reason") for warning in (obj.get("status") or {}).get("warnings") or ()}
        for warning in status.warnings or ():
            if warning.reason not in told_before:
                await self._world.announcer.announce(subject, "Warning", Reason(warning.reason), warning.message)


def _news(condition: ConditionModel) -> str:
    """Each percentage of a limit is news of its own, and each reason why a leaked key lives on."""
    if condition.reason == Reason.LEAK_NOT_CONTAINED:
        reasons = (word.rstrip(":") for word in condition.message.split() if word.endswith(":"))
        return f"{condition.reason}/{next((word for word in reasons if word in set(Reason)), '')}"
    return condition.message if condition.reason in SPENT else condition.reason
