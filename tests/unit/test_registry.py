"""Whether all keys of the installation can be known: only then is a listed key that nobody knows called ours."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.ledgers import LedgerBook
from keypool.reconcile.readings import FINALIZER
from keypool.reconcile.registry import Registry

LEDGER = SimpleNamespace(exists=True)


def is_complete(*finalizers: str, pools_seen: Any = True, unreadable: Any = (), ledger: Any = LEDGER) -> bool:
    """With one pool in the cache."""
    ledgers = SimpleNamespace(unreadable=unreadable, get=lambda _uid: ledger, all=tuple)
    cache = ObjectCache(lambda _pool: ())
    metadata = {"namespace": "a", "name": "chat", "uid": "u", "resourceVersion": "1", "finalizers": list(finalizers)}
    cache.upsert(Kind.POOL, {"metadata": metadata, "spec": {}})
    return Registry(cast("LedgerBook", ledgers), cache, lambda: pools_seen).is_complete()


def test_all_keys_are_known_when_each_pool_with_keys_has_its_ledger() -> None:
    assert is_complete(FINALIZER)
    assert is_complete(ledger=None), "a pool without finalizer has no keys"


@pytest.mark.parametrize("lack", [{"pools_seen": False}, {"unreadable": ("x",)}, {"ledger": None}], ids=str)
def test_keys_may_be_unknown_while_pools_or_ledgers_are(lack: dict[str, Any]) -> None:
    assert not is_complete(FINALIZER, **lack)
