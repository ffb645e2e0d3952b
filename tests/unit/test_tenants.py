"""Thousands of pools that a tenant's limit refuses: each is counted when something changes, and told when it fits."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Namespaces
from keypool.core.capabilities import Capabilities
from keypool.core.effective import effective
from keypool.core.limits import Identity
from keypool.core.observation import Problem
from keypool.reconcile.readings import pool_facts
from keypool.reconcile.tenants import Tenancy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 500


class Shop:
    """A ClusterKeyProvider with one tenant, which is everybody, and pools of one namespace."""

    def __init__(self, **limits: Any) -> None:
        self.cache, self.looked_up, self.version = ObjectCache(lambda _: ()), 0, 0
        self.touched: list[str] = []
        tenant = {"name": "all", "namespaceSelector": {}, "limits": limits}
        auth = {"secretRef": {"name": "admin"}}
        spec = {"holySheep": {}, "endpoints": [{"url": "https://x.example.com"}], "auth": auth, "tenants": [tenant]}
        self.upsert(Kind.CLUSTER_PROVIDER, {"name": "shared", "uid": "provider", "generation": 1}, spec)
        self.tenancy = Tenancy(
            self.cache, cast("LedgerBook", self), Namespaces(cast("KubeClient", self)), self.touched.append
        )

    def upsert(self, kind: Kind, meta: dict[str, Any], spec: dict[str, Any]) -> None:
        self.version += 1
        self.cache.upsert(kind, {"metadata": meta | {"resourceVersion": str(self.version)}, "spec": spec})

    def apply(self, number: int, size: int = 1, **spec: Any) -> None:
        """Pools with higher numbers are newer."""
        made = (NOW + timedelta(seconds=number)).isoformat()
        meta = {"namespace": "shop", "name": f"p{number}", "uid": f"p{number}", "generation": 1}
        ref = {"name": "shared", "kind": "ClusterKeyProvider"}
        self.upsert(Kind.POOL, meta | {"creationTimestamp": made}, {"providerRef": ref, "size": size, **spec})

    def remove(self, number: int) -> None:
        self.version += 1
        self.cache.remove_uid(Kind.POOL, f"p{number}", self.version)
        self.tenancy.look()

    async def ask(self, number: int) -> Identity | Problem:
        obj, provider = self.cache.pool(f"p{number}"), self.cache.provider("", "shared")
        assert obj is not None
        assert provider is not None
        facts = pool_facts(obj)
        assert facts.spec is not None, facts.spec_error
        answer = await self.tenancy.grant(provider, facts, effective(facts.spec, Capabilities()))
        self.tenancy.look()
        return answer

    def get(self, key: str) -> Any:
        """As the book of ledgers, whose reads are counted; as the client, it answers with a namespace."""
        if key.startswith("p"):
            self.looked_up += 1
            return None
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        answer.set_result({"metadata": {"name": "shop", "labels": {"team": "shop"}}})
        return answer


@pytest.mark.parametrize("limits", [{"pools": 3}, {"keys": 3}])
async def test_pools_that_a_limit_refuses_are_not_counted_against_all_others_each_time(limits: dict[str, int]) -> None:
    shop = Shop(**limits)
    for number in range(MANY):
        shop.apply(number)
    answers = [await shop.ask(number) for number in range(MANY)]
    assert [isinstance(answer, Identity) for answer in answers] == [True] * 3 + [False] * (MANY - 3)
    assert shop.looked_up <= 3 * MANY
    assert shop.touched == []


@pytest.mark.parametrize("limits", [{"pools": 3}, {"keys": 3}])
async def test_a_refused_pool_is_looked_at_when_an_older_one_goes_and_no_other_is(limits: dict[str, int]) -> None:
    shop = Shop(**limits)
    for number in range(20):
        shop.apply(number)
    for number in range(20):
        await shop.ask(number)
    shop.remove(1)
    assert shop.touched == ["p3"]
    assert isinstance(await shop.ask(3), Identity)
    assert isinstance(await shop.ask(4), Problem)
    assert shop.touched == ["p3"]


async def test_a_refused_pool_is_looked_at_when_another_one_asks_for_less() -> None:
    shop = Shop(keys=5)
    shop.apply(1, size=5)
    shop.apply(2, size=2)
    await shop.ask(1)
    assert isinstance(await shop.ask(2), Problem)
    shop.apply(1, size=3)
    await shop.ask(1)
    assert shop.touched == ["p2"]


async def test_an_older_pool_that_comes_late_is_counted_before_a_newer_one_asks() -> None:
    shop = Shop(pools=1)
    shop.apply(2)
    assert isinstance(await shop.ask(2), Identity)
    shop.apply(1)
    assert isinstance(await shop.ask(2), Problem)
    assert isinstance(await shop.ask(1), Identity)


async def test_a_pool_that_is_refused_for_what_it_asks_does_not_count_against_the_limit_of_pools() -> None:
    shop = Shop(pools=2, maxLifetime="1h")
    shop.apply(1, key={"lifetime": "2h"})
    for number in (2, 3, 4):
        shop.apply(number, key={"lifetime": "1h"})
    answers = {number: await shop.ask(number) for number in (1, 2, 3, 4)}
    assert [number for number, answer in answers.items() if isinstance(answer, Identity)] == [2, 3]
    shop.apply(1, key={"lifetime": "1h"})
    assert isinstance(await shop.ask(1), Identity), "its place is by its age, as none of the others has a key yet"
    shop.remove(2)
    shop.remove(1)
    assert isinstance(await shop.ask(4), Identity)


async def test_a_pool_that_was_taken_for_a_refused_ones_equal_is_looked_at_when_that_is_known() -> None:
    """After a start nobody has asked yet."""
    shop = Shop(pools=1, maxLifetime="1h")
    shop.apply(1, key={"lifetime": "2h"})
    shop.apply(2, key={"lifetime": "1h"})
    assert isinstance(await shop.ask(2), Problem)
    await shop.ask(1)
    assert shop.touched == ["p2"]
    assert isinstance(await shop.ask(2), Identity)
