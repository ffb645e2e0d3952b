"""Our finalizer is on a pool before a key is made for it, or no key is made."""

from types import SimpleNamespace
from typing import cast

import pytest

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.errors import NotFound
from keypool.cluster.ledgers import LedgerHandle
from keypool.core import actions as act
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation
from keypool.reconcile import objects
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.reconcile.readings import FINALIZER, claims
from keypool.reconcile.world import World
from tests.cluster.team import Object, Team, pool_manifest


def a_pass(team: Team, pool: Object) -> Pass:
    """A pass over a pool as it was seen; only what setting the finalizer needs is there."""
    cache = ObjectCache(claims)
    cache.upsert(Kind.POOL, pool)
    meta = pool["metadata"]
    ledger = Ledger(pool_uid=meta["uid"], namespace=meta["namespace"], pool=meta["name"])
    world = cast("World", SimpleNamespace(cache=cache, client=team.client))
    handle = cast("LedgerHandle", SimpleNamespace(ledger=ledger))
    return Pass(world, cast("Observation", None), handle, Memory())


async def test_a_pool_gets_our_finalizer_beside_those_of_others(team: Team) -> None:
    await team.apply(pool_manifest() | {"metadata": {"name": "chat", "finalizers": ["example.com/other"]}})
    await objects.add_finalizer(a_pass(team, await team.pool()), act.AddFinalizer())
    assert (await team.pool())["metadata"]["finalizers"] == ["example.com/other", FINALIZER]


async def test_setting_the_finalizer_of_a_pool_that_went_meanwhile_fails(team: Team) -> None:
    """Were it taken as done, a key would be made for nobody."""
    await team.apply(pool_manifest())
    seen = a_pass(team, await team.pool())
    await team.delete()
    await team.gone()
    with pytest.raises(NotFound):
        await objects.add_finalizer(seen, act.AddFinalizer())
