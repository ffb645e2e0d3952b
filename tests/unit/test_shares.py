"""Passes that may call the same providers share places: by the provider a pool names, and those where it has keys."""

from typing import Any

from keypool.cluster.cache import Kind, ObjectCache
from keypool.core.ledger import Ledger
from keypool.watch.queue import WorkQueue
from keypool.watch.shares import is_urgent, lanes, providers_of
from tests.unit.core.builders import a_key, a_ledger


def an_object(uid: str, name: str, **spec: Any) -> dict[str, Any]:
    """Any object in the namespace `shop`."""
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": "1"}, "spec": spec}


def a_cache(*pools: tuple[str, str]) -> ObjectCache:
    """The providers `old` and `new`, and pools by UID with the provider that each names."""
    cache = ObjectCache(lambda _: ())
    for name in ("old", "new"):
        cache.upsert(Kind.PROVIDER, an_object(f"uid-{name}", name))
    for uid, provider in pools:
        cache.upsert(Kind.POOL, an_object(uid, uid, providerRef={"name": provider}))
    return cache


def no_ledger(_: str) -> Ledger | None:
    """The pool is new."""
    return None


def test_a_new_pool_counts_for_the_provider_that_it_names() -> None:
    assert providers_of(a_cache(("p", "new")), no_ledger, "pool/p") == {"uid-new"}


def test_a_pool_that_moved_counts_for_both_providers_while_it_has_keys_at_both() -> None:
    ledger = a_ledger(a_key(provider="uid-old"))
    assert providers_of(a_cache(("p", "new")), lambda _: ledger, "pool/p") == {"uid-old", "uid-new"}


def test_a_pool_that_is_gone_counts_where_its_keys_are_owed() -> None:
    ledger = a_ledger(a_key(provider="uid-old"))
    assert providers_of(a_cache(), lambda _: ledger, "pool/p") == {"uid-old"}


def test_a_pool_without_a_provider_counts_for_none() -> None:
    assert providers_of(a_cache(("p", "nowhere")), no_ledger, "pool/p") == set()


def test_pools_of_one_provider_leave_places_to_those_of_another() -> None:
    pools = [(f"o{number}", "old") for number in range(50)] + [("n", "new")]
    lane = lanes(a_cache(*pools), no_ledger, each=4)["pool"]
    for uid, _ in pools:
        lane.put(f"pool/{uid}")
    assert sorted(lane.take() or "" for _ in range(5)) == ["pool/n", "pool/o0", "pool/o1", "pool/o2", "pool/o3"]
    assert lane.take() is None


def reported(cache: ObjectCache, uid: str, names: str) -> None:
    """Somebody annotates a pool: these keys have leaked."""
    pool = cache.pool(uid)
    assert pool is not None
    meta = pool["metadata"] | {"annotations": {"keypool.dev/compromised": names}, "resourceVersion": "2"}
    cache.upsert(Kind.POOL, pool | {"metadata": meta})


async def test_a_pool_whose_leaked_key_was_reported_while_it_waited_is_looked_at_next() -> None:
    cache = a_cache(*((f"p{number}", "new") for number in range(50)))
    queue = WorkQueue(lanes(cache, no_ledger, each=2))
    for number in range(50):
        queue.add(f"pool/p{number}")
    assert [await queue.get(), await queue.get()] == ["pool/p0", "pool/p1"]
    reported(cache, "p40", "all@1")
    queue.add("pool/p40")
    queue.done("pool/p0")
    assert await queue.get() == "pool/p40"


def test_a_pool_is_urgent_until_its_leaked_key_is_gone_and_not_for_what_was_reported_before() -> None:
    cache = a_cache(("p", "new"))
    reported(cache, "p", "all@1")
    handled = a_ledger(a_key()).model_copy(update={"handled_compromised": "all@1"})
    leaked = handled.mark(handled.keys[0].name, asked="compromised")
    ledgers = [None, leaked, handled]
    assert [is_urgent(cache, lambda _: ledgers.pop(0), "pool/p") for _ in range(3)] == [True, True, False]
