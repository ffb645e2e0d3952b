"""How many keys are owed, by namespace: counted when a ledger changes, so that nobody looks through all of them."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from datetime import datetime

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState


class Owed:
    """Of all ledgers, as they are durable. Also which provider objects keys need."""

    def __init__(self) -> None:
        self._since: defaultdict[str, list[datetime]] = defaultdict(list)
        self._needs: Counter[str] = Counter()
        self._owes: Counter[str] = Counter()

    def change(self, before: Ledger | None, after: Ledger | None) -> None:
        """One ledger is another now; None where there was none, or is none any more."""
        for ledger, number in ((before, -1), (after, 1)):
            if ledger is None:
                continue
            for key in ledger.keys:
                self._count(ledger.namespace, key, number)
                if not ledger.retained:
                    self._needs[key.provider] += number
                    self._owes[key.provider] += number * (key.state is KeyState.OWED)
        gone = before.keys if before is not None else ()
        for counter in (self._needs, self._owes):
            for uid in {key.provider for key in gone if not counter[key.provider]}:
                del counter[uid]

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
        """Whether what is kept of a provider object is needed: for what is owed there, and for all keys once it is
        gone."""
        return bool(self._owes[provider] if exists else self._needs[provider])
