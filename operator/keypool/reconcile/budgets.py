"""The request budgets of all accounts, and which pool's turn it is in them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from keypool.api.provider_budget import RequestBudget
from keypool.cluster import allowances
from keypool.cluster.cache import ObjectCache
from keypool.cluster.client import KubeClient
from keypool.core.turns import Rank, Ticket
from keypool.reconcile.account_budget import MINUTE, USING, AccountBudget
from keypool.serve.metrics_budget import Level

Held = list[tuple[AccountBudget, Ticket]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call to the provider `uid`, made of so many `requests` as long as it is not known better."""

    uid: str
    activity: str
    rank: Rank
    requests: int = 1


class Budgets:
    """By the UID of the provider object. `namespace` is the operator's own; `wake` queues a pool by its UID; `minute`:
    the seconds of a minute's quota."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        now: Callable[[], datetime],
        wake: Callable[[str], None],
        minute: float = MINUTE,
    ) -> None:
        self._client, self._namespace, self._now, self._wake, self._minute = client, namespace, now, wake, minute
        self._accounts: dict[str, AccountBudget] = {}
        self._recorded: dict[str, dict[int, int] | None] = {}
        self._woken: dict[str, Held] = {}
        self._held: dict[str, Held] = {}
        self._first: dict[str, set[AccountBudget]] = {}
        self._began = now()

    async def load(self) -> None:
        """Reads what earlier leaders used of daily quotas."""
        self._recorded = await allowances.load(self._client, self._namespace)

    def account(self, uid: str) -> AccountBudget:
        """The budget of one account, and the meter of its requests."""
        if uid not in self._accounts:
            store = partial(self._store, uid)
            self._accounts[uid] = AccountBudget(lambda: self._now().timestamp(), self._turn, store, self._minute)
        return self._accounts[uid]

    def configure(self, uid: str, quota: RequestBudget | None, born: datetime | None) -> None:
        """The object's quotas as they are now. One that was made (`born`) since this leadership began was called by no
        earlier one."""
        fresh = born is not None and born > self._began and uid not in self._accounts
        if quota is not None or uid in self._accounts:
            self.account(uid).configure(quota, recorded=self._recorded.get(uid, {}), fresh=fresh)

    def quota(self, uid: str) -> RequestBudget | None:
        """What is configured, None for no budget."""
        return account.quota if (account := self._accounts.get(uid)) is not None else None

    async def _store(self, uid: str, counts: allowances.Counts) -> None:
        await allowances.store(self._client, self._namespace, uid, counts)
        self._recorded[uid] = dict(counts)

    def recorded(self) -> tuple[str, ...]:
        """UIDs of the providers of whose daily quota something is recorded."""
        return tuple(self._recorded)

    async def forget(self, uid: str) -> None:
        """The provider object is gone. Raises KubeError."""
        if (account := self._accounts.pop(uid, None)) is not None:
            await account.close()
        if uid in self._recorded:
            await allowances.drop(self._client, self._namespace, uid)
            del self._recorded[uid]

    def accounts(self) -> tuple[tuple[str, AccountBudget], ...]:
        """All, for metrics."""
        return tuple(self._accounts.items())

    async def close(self) -> None:
        """Nobody is woken any more."""
        for account in self._accounts.values():
            await account.close()

    # -- passes

    def _turn(self, account: AccountBudget, ticket: Ticket) -> None:
        self._woken.setdefault(ticket.pool, []).append((account, ticket))
        self._wake(ticket.pool)

    def turns(self, pool: str) -> set[str]:
        """The pool's activities whose turn has come since it was looked at; it holds them until `let_go`."""
        woken = self._woken.pop(pool, None)
        if woken is None:
            return set()
        for account, ticket in woken:
            account.take(ticket)
            self._hold(pool, account, ticket)
        return {ticket.activity for _, ticket in woken}

    def _hold(self, pool: str, account: AccountBudget, ticket: Ticket) -> None:
        held = self._held.setdefault(pool, [])
        if (account, ticket) not in held and account.budget.knows(ticket):
            held.append((account, ticket))

    def ask(self, pool: str, wanted: Wanted, number: int = 1) -> tuple[int, float]:
        """How many of so many calls of one kind the pool may make now, and since when the first of the others waits,
        in the clock's seconds. It holds its turns until `let_go`, and is woken when others come."""
        account = self._accounts.get(wanted.uid)
        if account is None or account.is_free():
            return number, 0.0
        cost = account.cost(wanted.activity.partition(":")[0], wanted.requests)
        if wanted.rank is Rank.URGENT:
            account.budget.put_first(pool, self._now().timestamp())
            self._first.setdefault(pool, set()).add(account)
        granted, since = account.ask(pool, wanted.activity, wanted.rank, cost, number)
        for ticket in granted:
            self._hold(pool, account, ticket)
        return len(granted), since

    @contextmanager
    def using(self, pool: str, activity: str) -> Iterator[None]:
        """Around calls: they are made on the turn that the pool holds for this activity."""
        mine = [held for held in self._held.get(pool, ()) if held[1].activity == activity]
        if not mine:
            yield
            return
        account, ticket = held = min(mine, key=lambda each: each[1].rank)
        self._held[pool].remove(held)
        token = USING.set((account, ticket))
        try:
            yield
        finally:
            USING.reset(token)
            account.done(ticket)

    def let_go(self, pool: str) -> None:
        """The pass is over: turns that it did not need go to others."""
        for account in self._first.pop(pool, ()):
            account.let_go(pool)
        for account, ticket in self._held.pop(pool, ()):
            account.done(ticket)


def budget_levels(budgets: Budgets, cache: ObjectCache) -> Iterator[Level]:
    """What the quotas leave, for metrics: of provider objects that have one."""
    for uid, account in budgets.accounts():
        obj = cache.provider_by_uid(uid)
        if obj is not None and account.quota is not None:
            meta = obj["metadata"]
            yield Level(
                meta.get("namespace", ""), meta["name"], account.left(), account.budget.waiting, account.granted()
            )
