"""Kopf's watchers end when they should: one that misses its cancellation, and those that a failed one leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.cache import Kind
from keypool.cluster.client import KubeClient
from tests.cluster.team import Team, pool_manifest
from tests.cluster.test_watch import Watcher, pool_in, watching
from tests.faults.bounded.proxy import Proxy
from tests.waiting import eventually

WATCHER = "watcher for apikeypools"


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    """The operator's client, through the proxy."""
    client = await KubeClient.connect(str(kubeconfig))
    yield client
    await client.close()


def running(name: str) -> list[asyncio.Task[Any]]:
    """Tasks whose names begin like that."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith(name) and not task.done()]


def cancelled(name: str) -> Callable[[], Awaitable[bool]]:
    """Whether such a task was told to end and has not done it yet."""

    async def told() -> bool:
        return any(task.cancelling() for task in running(name))

    return told


def pausing(task: asyncio.Task[Any]) -> asyncio.Condition:
    """What such a task of Kopf's waits for: as long as another holds it, the task cannot end."""
    frame = task.get_coro().cr_frame  # type: ignore[union-attr]
    condition: asyncio.Condition = frame.f_locals["self"]._condition
    return condition


async def test_a_watcher_that_misses_its_cancellation_ends_all_the_same(
    client: KubeClient, team: Team, proxy: Proxy
) -> None:
    """Kopf's `streaming_block` suppresses the cancellation of a watcher that comes while it ends its own helper."""
    watcher = Watcher(client).start()
    await eventually(lambda: asyncio.sleep(0, watcher.liveness.complete.is_set()), 15, "watching")
    helper = running("pause-waiter for apikeypools")[0]
    async with pausing(helper):
        proxy.add("error", resources=("apikeypools",), status=410, count=1)
        await team.apply(pool_manifest())
        await eventually(cancelled(helper.get_name()), 15, "the watcher begins its watch anew")
        watcher.stop_flag.set()
        await eventually(cancelled(WATCHER), 15, "Kopf ends its watchers")
    await watcher.stop()
    assert not running("watcher for")


async def test_watchers_that_a_failed_one_left_behind_end_before_kopf_begins_again(
    client: KubeClient, team: Team, proxy: Proxy
) -> None:
    async with watching(client) as watcher:
        first = {*running("watcher for")}
        assert len(first) == len(Kind)
        proxy.add("error", resources=("apikeypools",), status=500, count=1)
        await team.client.create(paths.pools(team.namespace), pool_manifest("lost"))
        await eventually(lambda: asyncio.sleep(0, len({*running("watcher for")} - first) == len(Kind)), 15, "again")
        assert not [task for task in first if not task.done()]
        await watcher.sees(lambda cache: pool_in(cache, team.namespace, "lost"))
    assert not running("watcher for")
