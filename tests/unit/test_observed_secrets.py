"""Which Secrets a pass reads: those that are wanted, once; what was not read is not taken for absent."""

from types import SimpleNamespace
from typing import Any, cast

from keypool.cluster.cache import ObjectCache
from keypool.reconcile.observe import _secrets
from keypool.reconcile.readings import pool_facts
from keypool.reconcile.world import World

POOL = {
    "metadata": {
        "namespace": "team",
        "name": "chat",
        "uid": "u",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-11-24T09:00:00Z",
    },
    "spec": {"providerRef": {"name": "vendor"}, "size": 1},
}


class Reads:
    """A cluster without Secrets; `names`: those that were read."""

    def __init__(self) -> None:
        self.names = list[str]()
        self.world = cast(
            "World",
            SimpleNamespace(
                cache=ObjectCache(lambda _: ()), publisher=self, sight=SimpleNamespace(sees=lambda _: True)
            ),
        )

    async def read(self, _: str, name: str) -> dict[str, Any] | None:
        """The Secret, which is not there."""
        self.names.append(name)
        return None


async def test_a_secret_that_is_wanted_only_since_the_pool_is_not_refused_any_more_is_read() -> None:
    reads, pool, absent = Reads(), pool_facts(POOL), set[str]()
    assert await _secrets(reads.world, pool, absent, publishes=False) == {}
    assert reads.names == []
    for _ in range(3):
        assert await _secrets(reads.world, pool, absent, publishes=True) == {}
    assert len(reads.names) == len(set(reads.names)), "each is read once for passes in a row"
    assert "chat" in reads.names
