"""Watches, resync and cache against a real API server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.cache import OPTIONAL, Kind, ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.watch.kopf_watch import run_kopf
from keypool.watch.liveness import Liveness
from keypool.watch.resync import Resync
from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import Cluster, ControlPlane
from tests.waiting import eventually, within

CRDS = Path(__file__).parents[2] / "crds"
Touch = tuple[Kind, str]


class Watcher:
    """A cache fed by Kopf, and a record of what it touched."""

    def __init__(self, client: KubeClient, namespaces: tuple[str, ...] = ()) -> None:
        self.client, self.namespaces = client, namespaces
        self.cache = ObjectCache(lambda pool: (pool["metadata"]["name"],))
        self.touched: list[Touch] = []
        self.liveness = Liveness(namespaces)
        self.stop_flag = asyncio.Event()
        self.sample = False
        self.task: asyncio.Task[None] | None = None

    def touch(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Note one touch."""
        self.touched.append((kind, obj["metadata"]["name"]))

    def start(self) -> "Watcher":
        """Let Kopf run in the background."""
        self.task = asyncio.create_task(
            run_kopf(
                self.client,
                self.cache,
                self.touch,
                liveness=self.liveness,
                stop_flag=self.stop_flag,
                namespaces=self.namespaces,
                sample=self.sample,
            )
        )
        return self

    async def stop(self) -> float:
        """Stop it; returns the seconds that took."""
        started = time.monotonic()
        self.stop_flag.set()
        if self.task is not None:
            await within(self.task, 40)
        return time.monotonic() - started

    async def sees(self, condition: Callable[[ObjectCache], object], deadline: float = 10) -> None:
        """Wait until the cache fulfils a condition."""

        async def holds() -> bool:
            return bool(condition(self.cache))

        await eventually(holds, deadline)


@contextlib.asynccontextmanager
async def watching(client: KubeClient, *namespaces: str) -> AsyncIterator[Watcher]:
    """A running watcher whose first listing is complete."""
    watcher = Watcher(client, namespaces).start()
    try:
        await within(watcher.liveness.complete.wait(), 60)
        yield watcher
    finally:
        await watcher.stop()


@pytest.fixture
async def client(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    client = await KubeClient.connect(str(control_plane.admin_kubeconfig))
    yield client
    await client.close()


def pool_in(cache: ObjectCache, namespace: str, name: str) -> Mapping[str, Any] | None:
    """The pool of that name, where the cache knows one."""
    found = (known for known in cache.pools() if known["metadata"]["name"] == name)
    return next((known for known in found if known["metadata"]["namespace"] == namespace), None)


def pool(name: str) -> dict[str, Any]:
    """A minimal pool."""
    return {
        "apiVersion": "keypool.dev/v1alpha1",
        "kind": "ApiKeyPool",
        "metadata": {"name": name},
        "spec": {"providerRef": {"name": "acme"}},
    }


def secret(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A Secret."""
    meta = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"apiKey": "Y2FuYXJ5"}}


async def test_what_exists_what_changes_and_what_goes_reaches_the_cache(client: KubeClient, namespace: str) -> None:
    await client.create(paths.pools(namespace), pool("before"))
    async with watching(client) as watcher:
        assert pool_in(watcher.cache, namespace, "before") is not None, "listed before the watch began"
        created = await client.create(paths.pools(namespace), pool("after"))
        await watcher.sees(lambda cache: cache.pool(created["metadata"]["uid"]))
        await client.patch(paths.pool(namespace, "after"), {"spec": {"size": 5}})
        await watcher.sees(lambda cache: (pool_in(cache, namespace, "after") or {}).get("spec", {}).get("size") == 5)
        await client.delete(paths.pool(namespace, "after"))
        await watcher.sees(lambda cache: pool_in(cache, namespace, "after") is None)
        assert watcher.touched.count((Kind.POOL, "after")) >= 3


async def test_only_secrets_with_our_label_are_watched(client: KubeClient, namespace: str) -> None:
    await client.create(paths.pools(namespace), pool("ours"))
    await client.create(paths.pools(namespace), pool("foreign"))
    async with watching(client) as watcher:
        await client.create(paths.secrets(namespace), secret("foreign", {}))
        await client.create(paths.secrets(namespace), secret("ours", {"keypool.dev/published": "true"}))
        await watcher.sees(lambda cache: cache.secret(namespace, "ours"))
        assert watcher.cache.secret(namespace, "foreign") is None
        await client.patch(paths.secret(namespace, "ours"), {"metadata": {"labels": {"keypool.dev/published": None}}})
        await watcher.sees(lambda cache: cache.secret(namespace, "ours") is None)
        await client.patch(paths.secret(namespace, "ours"), {"metadata": {"labels": {"keypool.dev/published": "true"}}})
        await watcher.sees(lambda cache: cache.secret(namespace, "ours"))


async def test_a_watcher_of_one_namespace_sees_nothing_of_others(client: KubeClient, namespace: str) -> None:
    async with watching(client, "default") as elsewhere, watching(client, namespace) as here:
        await client.create(paths.pools(namespace), pool("p"))
        await here.sees(lambda cache: pool_in(cache, namespace, "p"))
        assert not elsewhere.touched


async def test_two_watchers_in_one_loop_stop_within_two_seconds_without_harm_to_each_other_or_to_other_tasks(
    client: KubeClient, namespace: str
) -> None:
    async with watching(client) as first:
        async with watching(client) as second:
            bystander = asyncio.create_task(asyncio.sleep(60))
            assert await second.stop() < 2
        await client.create(paths.pools(namespace), pool("p"))
        await first.sees(lambda cache: pool_in(cache, namespace, "p"))
        assert pool_in(second.cache, namespace, "p") is None
        assert not bystander.done()
        bystander.cancel()
        await asyncio.gather(bystander, return_exceptions=True)
    async with watching(client) as third:
        assert pool_in(third.cache, namespace, "p")
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.done()]


async def test_each_watch_that_is_needed_has_an_age_from_its_first_answer_on(client: KubeClient) -> None:
    async with watching(client) as watcher:
        ages = watcher.liveness.ages()
        assert set(ages) == set(Kind) - set(OPTIONAL)
        assert all(age is not None and age < 15 for age in ages.values())


async def test_resync_finds_what_came_changed_and_went_in_a_gap(client: KubeClient, namespace: str) -> None:
    watcher = Watcher(client)
    resync = Resync(client, watcher.cache, watcher.touch, namespaces=(namespace,))
    await client.create(paths.pools(namespace), pool("stays"))
    await client.create(paths.pools(namespace), pool("goes"))
    await client.create(paths.secrets(namespace), secret("stays", {"keypool.dev/published": "true"}))
    assert await resync.once() == 3
    assert await resync.once() == 0
    await client.delete(paths.pool(namespace, "goes"))
    await client.delete(paths.secret(namespace, "stays"))
    await client.patch(paths.pool(namespace, "stays"), {"spec": {"size": 3}})
    watcher.touched.clear()
    assert await resync.once() == 3
    assert sorted(watcher.touched) == [(Kind.POOL, "goes"), (Kind.POOL, "stays"), (Kind.SECRET, "stays")]
    assert pool_in(watcher.cache, namespace, "goes") is None
    assert watcher.cache.secret(namespace, "stays") is None
    assert (resync.age or 99) < 10


async def test_resync_does_not_drop_what_is_newer_than_its_list(client: KubeClient, namespace: str) -> None:
    """The cache may learn of an object while the list is on its way."""
    watcher = Watcher(client)
    resync = Resync(client, watcher.cache, watcher.touch, namespaces=(namespace,))
    await client.create(paths.pools(namespace), pool("old"))
    pages = client.pages

    async def slow(path: str, *args: Any) -> AsyncIterator[Any]:
        async for page in pages(path, *args):
            if "apikeypools" in path:
                watcher.cache.upsert(Kind.POOL, await client.create(paths.pools(namespace), pool("new")))
            yield page

    client.pages = slow  # type: ignore[method-assign,assignment]
    await resync.once()
    assert pool_in(watcher.cache, namespace, "new") is not None


async def test_a_history_set_back_makes_resync_forget_the_future(client: KubeClient, namespace: str) -> None:
    """After a restore of etcd, versions begin again below what was seen."""
    watcher = Watcher(client)
    resync = Resync(client, watcher.cache, watcher.touch, namespaces=(namespace,))
    created = await client.create(paths.pools(namespace), pool("p"))
    future = {**created, "metadata": {**created["metadata"], "resourceVersion": "999999999"}}
    watcher.cache.upsert(Kind.POOL, future)
    await resync.once()
    known = pool_in(watcher.cache, namespace, "p")
    assert known is not None
    assert known["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


async def test_custom_resources_that_are_installed_late_or_again_are_watched_from_then_on(binaries: Binaries) -> None:
    plane = await asyncio.to_thread(ControlPlane.start, binaries)
    client = await KubeClient.connect(str(plane.admin_kubeconfig))
    watcher = Watcher(client).start()
    try:
        for name in ("late", "again"):
            (await plane.kubectl("apply", "--server-side", "-f", str(CRDS))).checked()
            await eventually(partial(_created, client, name), 30, "the kind is served")
            await watcher.sees(partial(pool_in, namespace="default", name=name), 20)
            (await plane.kubectl("delete", "--timeout=150s", "-f", str(CRDS))).checked()
    finally:
        await watcher.stop()
        await client.close()
        await asyncio.to_thread(plane.stop)


async def _created(client: KubeClient, name: str) -> bool:
    """The API server serves a kind some time after it was told of it, and a moment after it says Established."""
    try:
        await client.create(paths.pools("default"), pool(name))
    except NotFound:
        return False
    return True
