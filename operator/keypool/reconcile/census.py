"""Which pools have our finalizer and no ledger. Where they are many, something else is wrong: nothing is rebuilt."""

from typing import Any

from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.reconcile.readings import FINALIZER
from keypool.reconcile.world import World

FEW, PART = 3, 0.1
"""So many, or this part of all pools, may lose their ledgers without anybody being asked."""


def too_many(missing: int, of: int, confirmed: int, namespace: str) -> Problem | None:
    """Why lost ledgers are not rebuilt; None when they are few, or confirmed by an administrator. Pure."""
    if missing <= max(FEW, PART * of, confirmed):
        return None
    text = (
        f"{missing} of {of} pools have lost their ledgers, so none is rebuilt. Check that the operator runs in the "
        f"right namespace and restore the Secrets; or let them be rebuilt: kubectl -n {namespace} annotate secret "
        f"keypool-installation --overwrite keypool.dev/confirm-ledgers-missing={missing}"
    )
    return Problem(Reason.LEDGERS_MISSING, text)


class Census:
    """Counted once over all pools, and from then on whenever a pool is looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ours: set[str] = set()
        self._missing: set[str] = set()
        self._counted = False

    def note(self, uid: str, obj: dict[str, Any] | None) -> None:
        """Looks at one pool (None: it is gone)."""
        if not self._counted:
            self._counted = True
            for pool in self._world.cache.pools():
                self._note(pool["metadata"]["uid"], pool)
        self._note(uid, obj)

    def _note(self, uid: str, obj: dict[str, Any] | None) -> None:
        ours = obj is not None and FINALIZER in (obj["metadata"].get("finalizers") or ())
        (self._ours.add if ours else self._ours.discard)(uid)
        (self._missing.add if ours and is_missing(self._world, uid) else self._missing.discard)(uid)

    def problem(self, confirmed: int) -> Problem | None:
        """Why no ledger is rebuilt now; None when they may be."""
        return too_many(len(self._missing), len(self._ours), confirmed, self._world.ledgers.namespace)


def is_missing(world: World, uid: str) -> bool:
    """Whether a pool that should have a ledger has none; one that cannot be read is another matter."""
    handle = world.ledgers.get(uid)
    return uid not in world.ledgers.unreadable and (handle is None or not handle.exists)
