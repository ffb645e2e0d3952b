"""What becomes of an object when a look at it ends with an error that nobody foresaw.

It is told by conditions, so that nothing old is believed, and tried again with growing pauses; and a deleted pool still
goes at its deadline. What is done here needs as little as possible of what may have failed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from keypool.api.status import Condition as ConditionModel
from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.cache import Kind
from keypool.cluster.errors import Conflict, KubeError, NotFound
from keypool.cluster.keeping import with_status
from keypool.cluster.ledgers import LedgerHandle
from keypool.core.conditions import as_conditions, findings
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation, PoolFacts, Problem
from keypool.core.plan import plan
from keypool.core.provider_situations import ProviderSight, Standing, findings_of_provider
from keypool.core.reasons import Condition, Reason, Trouble
from keypool.core.rules.deletion import DEADLINE
from keypool.core.rules.holding import end_of
from keypool.core.rules.intents import is_with_provider
from keypool.core.sees import WHOLE_PASS
from keypool.core.situation import Finding
from keypool.providers.boundary import through, type_of
from keypool.reconcile.directory import UNCHECKED
from keypool.reconcile.holding import set_finalizers
from keypool.reconcile.observe import crd_is_going
from keypool.reconcile.provider_measures import provider_state
from keypool.reconcile.readings import FINALIZER, conditions, moment, pool_facts
from keypool.reconcile.world import World
from keypool.serve.logs import describe

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds before the next look."""

Measure = Callable[[Ledger, Sequence[ConditionModel]], None]

_log = logging.getLogger(__name__)


def of_action(activity: str, error: BaseException) -> str:
    """What is told of one thing that failed while all else goes on."""
    _log.error("failed unexpectedly", extra={"activity": activity, "error": describe(error)})
    return f"{activity.partition(':')[0]} failed with {type_of(error)}; it is tried again with growing pauses"


class Unforeseen:
    """Deals with what ended a look at a pool or a provider object."""

    def __init__(self, world: World, measure: Measure = lambda _, __: None) -> None:
        """`measure` shows a failed pool's conditions as metrics."""
        self._world, self._measure = world, measure
        self._failures: dict[str, int] = {}

    def over(self, uid: str, what: str) -> None:
        """A look at a "pool" or "provider" went well, or is not to be."""
        self._failures.pop(uid, None)
        self._world.metrics.failing.over(what, uid)

    async def of_pool(self, uid: str, error: BaseException, sent: frozenset[str]) -> float:
        """Seconds until the pool is looked at again. `sent`: names of the keys whose create call was made. Raises what
        passes every boundary, and KubeError."""
        text = self._noted(uid, error, "pool")
        obj = self._world.cache.pool(uid)
        if obj is None:
            return self._pause(uid)
        meta = obj["metadata"]
        bare = self._bare(obj, sent, text)
        path = paths.pool_status(meta["namespace"], meta["name"])
        told = await self._tell(obj, Kind.POOL, path, findings(bare, (), self._world.now()))
        self._measure(bare.ledger, told)
        due = await self._due(obj)
        if due is None:
            return self._pause(uid)
        if due > 0:
            return min(due, self._pause(uid))
        await self._let_go(obj, bare)
        return self._pause(uid)

    async def of_provider(self, uid: str, error: BaseException) -> float:
        """The same for a provider object. What was proven stays in use."""
        problem = Problem(Reason.INTERNAL_ERROR, self._noted(uid, error, "provider"), stalls=False)
        obj = self._world.cache.provider_by_uid(uid)
        if obj is None:
            return self._pause(uid)
        meta = obj["metadata"]
        place = meta.get("namespace", ""), meta["name"]
        kind = Kind.PROVIDER if place[0] else Kind.CLUSTER_PROVIDER
        found = findings_of_provider(ProviderSight(Standing(problem, unasked=True)))
        told = await self._tell(obj, kind, paths.provider_status(*place), found)
        entry = self._world.directory.get(uid)
        self._world.metrics.providers.note(uid, provider_state(obj, told, Standing(problem), entry))
        if self._world.directory.problem(uid) is UNCHECKED:
            self._world.directory.set_problem(uid, problem)
            for pool in self._world.cache.pools_of_provider(*place):
                self._world.touch_pool(pool)
        return self._pause(uid)

    def _noted(self, uid: str, error: BaseException, what: str) -> str:
        if (own := through(error)) is not None:
            raise own
        self._failures[uid] = self._failures.get(uid, 0) + 1
        self._world.metrics.failing.failed(what, uid)
        _log.error("a look failed unexpectedly", extra={"kind": what, "uid": uid, "error": describe(error)})
        return f"the look at this {what} failed with {type_of(error)}; it is tried again with growing pauses"

    def _pause(self, uid: str) -> float:
        """A look at a provider or pool that is gone counts on, until one goes well."""
        doubled = FIRST_PAUSE * 2.0 ** min(self._failures.get(uid, 1) - 1, 10)
        return float(min(doubled, LONGEST_PAUSE) * (0.75 + self._world.random() / 2))

    def _bare(self, obj: dict[str, Any], sent: frozenset[str], text: str) -> Observation:
        """The pool as if nothing of it were known but its ledger and what failed."""
        world, meta = self._world, obj["metadata"]
        handle = world.ledgers.get(meta["uid"])
        empty = Ledger(pool_uid=meta["uid"], namespace=meta["namespace"], pool=meta["name"])
        return Observation(
            pool=_bare_facts(obj),
            ledger=handle.ledger if handle is not None else empty,
            provider=None,
            epoch=world.leadership.epoch,
            installation=world.installation,
            entropy="",
            started_at=world.started_at,
            sent=sent,
            troubles={WHOLE_PASS: Trouble(Reason.INTERNAL_ERROR, text, needs_person=False)},
        )

    async def _tell(
        self, obj: dict[str, Any], kind: Kind, path: str, found: tuple[Finding, ...]
    ) -> tuple[ConditionModel, ...]:
        """The conditions. All else in the status stays as it was last known; a report that cannot be written stops
        nothing."""
        world, meta, before = self._world, obj["metadata"], conditions(obj)
        satisfied = next((each.observed_generation for each in before if each.type == Condition.READY), None)
        generations = {Condition.READY: satisfied} if kind is Kind.POOL else {}
        told = as_conditions(found, generations, meta["generation"], before, world.now())
        status = {**(obj.get("status") or {}), "conditions": [condition.dump() for condition in told]}
        if obj.get("status") == status:
            return told
        try:
            world.cache.upsert(kind, await world.client.replace(path, with_status(obj, status)))
        except Conflict:
            (world.touch_pool if kind is Kind.POOL else world.touch_provider)(meta["uid"])
        except KubeError as error:
            _log.warning("a failed look cannot be told", extra={"uid": meta["uid"], "error": describe(error)})
        return told

    async def _due(self, obj: dict[str, Any]) -> float | None:
        """Seconds until the pool may go without a pass that ends well; None where it must not."""
        meta = obj["metadata"]
        if "deletionTimestamp" not in meta or FINALIZER not in (meta.get("finalizers") or ()):
            return None
        if self._world.installed.changed is not None or meta["uid"] in self._world.ledgers.unreadable:
            return None
        lags = [entry.provider.capabilities.revocation_lag for entry in self._entries(meta["uid"])]
        deadline = moment(meta["deletionTimestamp"]) + DEADLINE + max(lags, default=timedelta(0))
        return (deadline - self._world.now()).total_seconds()

    def _entries(self, uid: str) -> list[Any]:
        handle = self._world.ledgers.get(uid)
        makers = {key.provider for key in handle.ledger.keys} if handle is not None else set()
        return [entry for maker in makers if (entry := self._world.directory.get(maker)) is not None]

    async def _let_go(self, obj: dict[str, Any], bare: Observation) -> None:
        """Takes the finalizer off once what is owed is durable, and the way to pay it. Secrets go with their owner."""
        world, meta = self._world, obj["metadata"]
        policy = _policy(obj, bare.ledger)
        retain = policy == "Retain" or await crd_is_going(world)
        if policy == "RevokeAndWait" and not retain:
            return
        if (handle := world.ledgers.get(meta["uid"])) is not None:
            await self._make_durable(handle, bare, retain=retain)
        live = await self._live(obj)
        if live is not None:
            await set_finalizers(world, live, add=False)
        if handle is None:
            text = "the ledger was gone: keys that this pool had made may live on until they expire"
            await world.announcer.announce(Subject.of_pool(obj), "Warning", Reason.LEDGER_MISSING, text)

    async def _make_durable(self, handle: LedgerHandle, bare: Observation, *, retain: bool) -> None:
        if retain:
            await handle.update(lambda ledger: _retained(ledger, bare))
            return
        await handle.update(lambda ledger: self._owed(replace(bare, ledger=ledger)))
        for uid in sorted({key.provider for key in handle.ledger.keys if is_with_provider(key)}):
            await self._world.directory.keep(uid)

    def _owed(self, bare: Observation) -> Ledger:
        """As if the pool were gone already. Where even that fails, the ledger names all keys as it is: they are revoked
        after the pool has gone."""
        try:
            return plan(replace(bare, pool=None), self._world.now()).ledger
        except Exception as error:  # noqa: BLE001
            _log.error("failed unexpectedly", extra={"activity": "owe", "error": describe(error)})
            return bare.ledger

    async def _live(self, obj: dict[str, Any]) -> dict[str, Any] | None:
        meta = obj["metadata"]
        try:
            live = await self._world.client.get(paths.pool(meta["namespace"], meta["name"]))
        except NotFound:
            return None
        return live if live["metadata"]["uid"] == meta["uid"] and "deletionTimestamp" in live["metadata"] else None


def _bare_facts(obj: dict[str, Any]) -> PoolFacts:
    """Without what people ask for; without the spec, where that is what cannot be read."""
    try:
        return pool_facts({**obj, "metadata": {**obj["metadata"], "annotations": {}}})
    except Exception as error:  # noqa: BLE001
        _log.error("failed unexpectedly", extra={"activity": "read the spec", "error": describe(error)})
        return pool_facts({"metadata": {**obj["metadata"], "annotations": {}}})


def _policy(obj: dict[str, Any], ledger: Ledger) -> str:
    """As it is written, also in a spec that cannot be read; else what the ledger remembers."""
    spec = obj.get("spec")
    written = spec.get("deletionPolicy") if isinstance(spec, dict) else None
    remembered = ledger.end.get("deletionPolicy") if ledger.end is not None else None
    return str(written or remembered or "Revoke")


def _retained(ledger: Ledger, bare: Observation) -> Ledger:
    """Its Secrets are written again as nobody's after the pool has gone: the ledger remembers what they are made of."""
    spec = bare.known_pool.spec
    end = end_of(spec) if spec is not None else ledger.end
    end = end if end is not None and end.get("deletionPolicy") == "Retain" else None
    return ledger.model_copy(update={"retained": bool(ledger.keys) and end is None, "end": end})
