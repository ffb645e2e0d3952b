"""What is kept of KeyHolders: little."""

import tracemalloc

import pytest

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.holders import holder_view
from keypool.core.holders import NOTHING
from tests.unit.reporting import Manifest, World, holder


def test_a_holder_that_went_reports_nothing_any_more() -> None:
    world = World()
    world.tell(holder("p", "k0"))
    assert len(list(world.cache.holders.reporting("shop", "web"))) == 1
    world.cache.remove(Kind.HOLDER, holder("p", "k0", resourceVersion="9"))
    assert list(world.cache.holders.reporting("shop", "web")) == []


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"metadata": None, "spec": 3},
        {**holder("p", "k0"), "spec": {"pools": "many"}},
        {**holder("p", "k0"), "spec": {"pools": [{"name": 1, "keys": [{"id": 2, "rejected": "x"}, "k", None]}]}},
        holder("p"),
    ],
)
def test_what_is_odd_or_rejects_nothing_says_nothing(obj: Manifest) -> None:
    assert holder_view(obj) == NOTHING


def test_five_thousand_holders_take_little_memory() -> None:
    cache = ObjectCache(lambda _: ())
    manifests = [holder(f"pod-{number}") for number in range(5000)]
    tracemalloc.start()
    try:
        for manifest in manifests:
            cache.upsert(Kind.HOLDER, manifest)
        assert tracemalloc.get_traced_memory()[0] < 5000 * 1024
    finally:
        tracemalloc.stop()
    assert len(cache.holders) == 5000
