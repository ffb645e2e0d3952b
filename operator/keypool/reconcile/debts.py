"""Has new pools of a namespace wait while it owes too many keys, and has them looked at when it does not any more."""

from collections.abc import Callable
from datetime import datetime

from keypool.cluster.errors import KubeError
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Namespaces
from keypool.core.debts import is_new, too_many
from keypool.core.ledger import Ledger
from keypool.core.observation import Problem

MOST_WOKEN = 10_000
"""Pools of a namespace that are looked at at once; others are looked at in their time."""


class Debts:
    """`touch` queues a pool by its UID."""

    def __init__(self, ledgers: LedgerBook, namespaces: Namespaces, touch: Callable[[str], None]) -> None:
        self._ledgers, self._namespaces, self._touch = ledgers, namespaces, touch
        self._waiting: dict[str, set[str]] = {}

    async def refusal(self, ledger: Ledger) -> Problem | None:
        """Why a pool with this ledger gets no keys yet. The namespace is asked for only when it seems to owe too many:
        what one of the same name owed before it counts for nobody."""
        if not is_new(ledger) or too_many(ledger.namespace, self._ledgers.owed.keys(ledger.namespace)) is None:
            return None
        since = await self._made(ledger.namespace)
        problem = too_many(ledger.namespace, self._ledgers.owed.keys(ledger.namespace, since))
        if problem is not None and len(self._waiting.get(ledger.namespace, ())) < MOST_WOKEN:
            self._waiting.setdefault(ledger.namespace, set()).add(ledger.pool_uid)
        return problem

    async def _made(self, namespace: str) -> datetime | None:
        """None where it may not be read: then all counts."""
        try:
            return await self._namespaces.made(namespace)
        except KubeError:
            return None

    def look(self) -> None:
        """A pass ended: a namespace may owe less now."""
        for namespace in tuple(self._waiting):
            if too_many(namespace, self._ledgers.owed.keys(namespace)) is None:
                for uid in self._waiting.pop(namespace):
                    self._touch(uid)
