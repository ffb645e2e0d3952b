"""Putting the finalizer back: what stands in the way costs one request and a pause."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from keypool.cluster.announcer import Subject
from keypool.cluster.errors import Conflict, Forbidden, NotFound
from keypool.reconcile.holding import put_back
from keypool.reconcile.memory import Memory

NOW = datetime(2026, 11, 1, tzinfo=UTC)
POOL = {"metadata": {"namespace": "shop", "name": "web", "uid": "pool-1", "resourceVersion": "7"}}


@pytest.mark.parametrize("error", [NotFound, Conflict, Forbidden])
async def test_a_pool_whose_finalizer_cannot_be_put_back_is_left_alone_for_a_while(error: Any) -> None:
    """Also one that is gone, of which the watch has not told yet."""
    asked: list[str] = []

    async def refuse(path: str, _: object) -> Any:
        asked.append(path)
        raise error("update")

    async def get(_: str) -> Any:
        return POOL

    world: Any = SimpleNamespace(
        cache=SimpleNamespace(pool=lambda _: POOL, upsert=lambda *_: True),
        client=SimpleNamespace(patch=refuse, get=get),
        now=lambda: NOW,
        random=lambda: 0.5,
    )
    memory = Memory()
    for _ in range(3):
        await put_back(world, Subject.of_pool(POOL), memory)
    assert len(asked) == 1
    assert memory.wait_until["finalizer"] <= NOW + timedelta(seconds=2)
