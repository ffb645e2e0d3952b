"""What ledgers owe, by namespace, and which of them have keys at which provider: counted when a ledger changes, so that
nobody looks through all of them."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from datetime import datetime

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState

ENDING = (KeyState.OWED, KeyState.REVOKING)
"""A pool that goes may take its provider along: from the first attempt to revoke on, the way to its keys is kept."""


class Owed:
    """Of all ledgers, as they are durable. Also which provider objects keys need."""

    def __init__(self) -> None:
        self._since: defaultdict[str, list[datetime]] = defaultdict(list)
        self._needs: Counter[str] = Counter()
        self._owes: Counter[str] = Counter()
        self._pools: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def change(self, before: Ledger | None, after: Ledger | None) -> None:
        """One ledger is another now; None where there was none, or is none any more."""
        self._place(before, after)
        for ledger, number in ((before, -1), (after, 1)):
            if ledger is None:
                continue
            for key in ledger.keys:
                self._count(ledger.namespace, key, number)
                if not ledger.retained:
                    self._needs[key.provider] += number
                    self._owes[key.provider] += number * (key.state in ENDING)
        gone = before.keys if before is not None else ()
        for counter in (self._needs, self._owes):
            for uid in {key.provider for key in gone if not counter[key.provider]}:
                del counter[uid]

    def _place(self, before: Ledger | None, after: Ledger | None) -> None:
        was, now = (
            {key.provider for key in ledger.keys} if ledger is not None else set() for ledger in (before, after)
        )
        if before is not None:
            for uid in was - now:
                self._pools[uid].pop(before.pool_uid, None)
                if not self._pools[uid]:
                    del self._pools[uid]
        if after is not None:
            for uid in now - was:
                self._pools[uid][after.pool_uid] = None

    def pools_at(self, provider: str) -> tuple[str, ...]:
        """UIDs of the pools, also of those that are gone, with keys of that provider object, or calls that may become
        some."""
        return tuple(self._pools.get(provider, ()))

    def _count(self, namespace: str, key: KeyRecord, number: int) -> None:
        if key.state is not KeyState.OWED:
            return
        dates = self._since[namespace]
        if number > 0:
            insort(dates, key.intended_at)
        else:
            del dates[bisect_left(dates, key.intended_at)]
            if not dates:
                del self._since[namespace]

    def keys(self, namespace: str | None = None, since: datetime | None = None) -> int:
        """Owed keys of one namespace, or of all; those that were made `since` then."""
        if namespace is None:
            return sum(len(dates) for dates in tuple(self._since.values()))
        dates = self._since.get(namespace, [])
        return len(dates) - (bisect_left(dates, since) if since is not None else 0)

    def needed(self, provider: str, *, exists: bool) -> bool:
        """Whether what is kept of a provider object is needed: for what is owed there, or being revoked; for all keys,
        once it is gone."""
        return bool(self._owes[provider] if exists else self._needs[provider])
