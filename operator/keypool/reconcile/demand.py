"""What the pools of an account need of its request budget; only looked at where there is one."""

from collections.abc import Iterable, Mapping
from typing import Any

from keypool.api.provider_budget import RequestBudget
from keypool.core.capabilities import Capabilities
from keypool.core.observation import Problem
from keypool.core.schedule import Needs, misfit, needs
from keypool.reconcile.readings import pool_facts
from keypool.reconcile.world import World


class Demand:
    """Of one provider object. Each pool's spec is read once for each generation."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Needs | None]] = {}
        self._capabilities: Capabilities | None = None

    def of(self, world: World, meta: Mapping[str, Any]) -> Problem | None:
        """Of the provider object with this metadata."""
        entry = world.directory.get(meta["uid"])
        pools = world.cache.pools_of_provider(meta.get("namespace", ""), meta["name"])
        capabilities = entry.provider.capabilities if entry is not None else None
        return self.problem(world, pools, world.budgets.quota(meta["uid"]), capabilities)

    def problem(
        self, world: World, pools: Iterable[str], quota: RequestBudget | None, capabilities: Capabilities | None
    ) -> Problem | None:
        """Why their schedule does not fit; None when it does, or when there is no budget."""
        if quota is None:
            self._known = {}
            return None
        if capabilities != self._capabilities:
            self._known, self._capabilities = {}, capabilities
        self._known = {uid: self._of(world, uid) for uid in pools}
        return misfit((need for _, need in self._known.values() if need is not None), quota)

    def _of(self, world: World, uid: str) -> tuple[int, Needs | None]:
        obj = world.cache.pool(uid)
        if obj is None:
            return 0, None
        generation, known = obj["metadata"]["generation"], self._known.get(uid)
        if known is not None and known[0] == generation:
            return known
        facts = pool_facts(obj)
        serves = facts.spec is not None and facts.deleted_at is None
        return generation, needs(facts.spec, self._capabilities) if facts.spec is not None and serves else None
