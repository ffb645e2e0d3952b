"""Passes that may call the same providers share places: by the provider a pool names, and those where it has keys."""

import asyncio
import contextlib
from typing import Any

from keypool.cluster.cache import Kind, ObjectCache
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.watch.queue import WorkQueue
from keypool.watch.shares import LOOKS_OF_ONE, is_urgent, lanes, providers_of
from tests.unit.core.builders import a_key, a_ledger
from tests.waiting import within


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


async def test_a_thousand_urgent_pools_of_one_namespace_delay_no_leak_of_another() -> None:
    cache = a_cache(*((f"p{number}", "new") for number in range(1000)))
    for number in range(1000):
        reported(cache, f"p{number}", "all@1")
    theirs = an_object("theirs", "theirs", providerRef={"name": "new"})
    theirs["metadata"] |= {"namespace": "bank", "annotations": {"keypool.dev/compromised": "all@1"}}
    cache.upsert(Kind.POOL, theirs)
    queue = WorkQueue(lanes(cache, no_ledger, each=4))
    for number in range(1000):
        queue.add(f"pool/p{number}")
    queue.add("pool/theirs")
    assert "pool/theirs" in [await queue.get() for _ in range(2)]


async def test_providers_that_hang_hold_up_none_of_another_namespace_and_good_ones_come_before_new_ones() -> None:
    cache = a_cache()
    for number in range(300):
        cache.upsert(Kind.PROVIDER, an_object(f"hangs{number}", f"hangs{number}"))
    good = an_object("good", "good")
    theirs = an_object("theirs", "theirs")
    theirs["metadata"]["namespace"] = "bank"
    for obj in (good, theirs):
        cache.upsert(Kind.PROVIDER, obj)
    queue = WorkQueue(lanes(cache, no_ledger, each=4, is_proven=lambda uid: uid == "good"))
    for uid in (*(f"hangs{number}" for number in range(300)), "good", "theirs"):
        queue.add(f"provider/{uid}")
    first = [await queue.get(), await queue.get()]
    assert sorted(first) == ["provider/good", "provider/theirs"]
    for key in first:
        queue.done(key)
    hanging = 0
    with contextlib.suppress(TimeoutError):
        while True:
            queue.errand(await asyncio.wait_for(queue.get(), 0.01)).waits()
            hanging += 1
    assert hanging == LOOKS_OF_ONE, "of one namespace, so many are asked at once"
    queue.add("provider/theirs")
    assert await within(queue.get(), 5) == "provider/theirs"


def suspended(cache: ObjectCache, uid: str) -> None:
    """Somebody suspends a pool."""
    pool = cache.pool(uid)
    assert pool is not None
    meta = pool["metadata"] | {"resourceVersion": "3"}
    cache.upsert(Kind.POOL, pool | {"metadata": meta, "spec": pool["spec"] | {"suspend": True}})


def test_a_suspended_pool_is_urgent_only_where_no_successor_is_needed() -> None:
    cache, at_once = a_cache(("p", "new")), a_cache(("p", "new"))
    reported(cache, "p", "all@1")
    reported(at_once, "p", "all@1!now@2")
    for each in (cache, at_once):
        suspended(each, "p")
    assert not is_urgent(cache, no_ledger, "pool/p")
    assert is_urgent(at_once, no_ledger, "pool/p")


def test_a_leaked_key_is_urgent_only_while_something_can_be_done_about_it() -> None:
    cache = a_cache(("p", "new"))
    ledger = a_ledger(a_key())
    leaked = ledger.mark(ledger.keys[0].name, asked="compromised")
    stopped = leaked.model_copy(update={"rejected_in_a_row": 100})
    dying, held = (a_ledger(a_key(state=state)) for state in (KeyState.REVOKING, KeyState.HELD))
    dying = dying.mark(dying.keys[0].name, asked="compromised").model_copy(update={"rejected_in_a_row": 100})
    held = held.mark(held.keys[0].name, asked="compromised")
    ledgers: list[Ledger | None] = [leaked, stopped, dying, held]
    found = [is_urgent(cache, lambda _: ledgers.pop(0), "pool/p") for _ in range(4)]
    assert found == [True, False, True, False]


def test_a_leaked_key_whose_slot_lost_too_many_answers_is_not_urgent_before_people_say_what_became_of_them() -> None:
    leaked = a_key(0, asked="compromised")
    held = [a_key(0, name=f"held-{number}", state=KeyState.HELD) for number in range(2)]
    elsewhere = [a_key(1, name=key.name, state=KeyState.HELD) for key in held]
    cache = a_cache(("p", "new"))
    assert is_urgent(cache, lambda _: a_ledger(leaked, *elsewhere), "pool/p")
    assert not is_urgent(cache, lambda _: a_ledger(leaked, *held), "pool/p")
    assert is_urgent(cache, lambda _: a_ledger(a_key(0, asked="compromised", at_once=True), *held), "pool/p")
