"""What the pools of an account need of its request budget; only looked at where there is one."""

from collections.abc import Mapping
from typing import Any

from keypool.api.provider_budget import RequestBudget
from keypool.cluster.cache import ObjectCache, provider_place
from keypool.core.capabilities import Capabilities
from keypool.core.observation import Problem
from keypool.core.schedule import Needs, misfit, needs
from keypool.reconcile.readings import pool_facts
from keypool.reconcile.world import World

_DIGITS = 3
"""Of a sum to which numbers are added, and from which they are taken, again and again."""


class Demand:
    """Of one provider object. A pool's spec is read when the pool came or changed, and at no other time: nobody looks
    through all."""

    def __init__(self) -> None:
        self._known: dict[str, Needs] = {}
        self._sum = Needs(0.0, 0.0)
        self._capabilities: Capabilities | None = None
        self._filled = False

    def of(self, world: World, meta: Mapping[str, Any]) -> Problem | None:
        """Of the provider object with this metadata."""
        entry = world.directory.get(meta["uid"])
        capabilities = entry.provider.capabilities if entry is not None else None
        place = meta.get("namespace", ""), meta["name"]
        return self.problem(world.cache, place, world.budgets.quota(meta["uid"]), capabilities)

    def problem(
        self, cache: ObjectCache, place: tuple[str, str], quota: RequestBudget | None, capabilities: Capabilities | None
    ) -> Problem | None:
        """Why the schedule of the pools at this place does not fit; None when it does, or when there is no budget."""
        if quota is None:
            cache.changed.forget(place)
            self._known, self._sum, self._filled = {}, Needs(0.0, 0.0), False
            return None
        changed = cache.changed.take(place)
        if changed is None or not self._filled or capabilities != self._capabilities:
            self._known, self._sum, self._filled = {}, Needs(0.0, 0.0), True
            self._capabilities, changed = capabilities, set(cache.pools_of_provider(*place))
        for uid in changed:
            self._place(uid, cache.pool(uid), place)
        return misfit((Needs(round(self._sum.rotations, _DIGITS), round(self._sum.probes, _DIGITS)),), quota)

    def _place(self, uid: str, pool: dict[str, Any] | None, place: tuple[str, str]) -> None:
        """In place of what was known of it."""
        none = Needs(0.0, 0.0)
        before, now = self._known.pop(uid, none), none
        facts = pool_facts(pool) if pool is not None and provider_place(pool) == place else None
        if facts is not None and facts.spec is not None and facts.deleted_at is None:
            now = self._known[uid] = needs(facts.spec, self._capabilities)
        self._sum = Needs(
            self._sum.rotations - before.rotations + now.rotations, self._sum.probes - before.probes + now.probes
        )
