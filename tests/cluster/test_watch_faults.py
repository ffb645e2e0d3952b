"""Watches go on through expired tokens, stay measurably alive in a quiet cluster, and log nothing of what they see."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.serve.logs import configure
from keypool.watch import kopf_watch
from keypool_lab.controlplane import Cluster, ControlPlane
from tests.cluster.test_watch import pool, pool_in, secret, watching
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of a second, so that a test sees several."""
    monkeypatch.setattr(kopf_watch, "STREAM_SECONDS", 1)
    monkeypatch.setattr(kopf_watch, "_SILENCE", 3)
    monkeypatch.setattr(kopf_watch, "_LOGIN_PAUSE", 0.1)


@pytest.fixture
def kubeconfig(control_plane: Cluster, tmp_path: Path) -> Path:
    """A kubeconfig of the administrator that a test may change."""
    path = tmp_path / "kubeconfig"
    path.write_text(control_plane.admin_kubeconfig.read_text())
    return path


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    client = await KubeClient.connect(str(kubeconfig))
    yield client
    await client.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged during a test, at our most talkative level."""
    root = logging.getLogger()
    handlers, level, stream = root.handlers[:], root.level, io.StringIO()
    configure("debug", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    logging.getLogger("keypool").setLevel(logging.NOTSET)


def replace_token(kubeconfig: Path, token: str) -> str:
    """Write another token into a kubeconfig; returns the former one."""
    config = yaml.safe_load(kubeconfig.read_text())
    user = config["users"][0]["user"]
    former, user["token"] = str(user["token"]), token
    kubeconfig.write_text(yaml.safe_dump(config))
    return former


async def test_a_token_that_expired_is_read_again_and_the_watches_go_on(
    own_control_plane: ControlPlane, client: KubeClient, kubeconfig: Path, namespace: str
) -> None:
    async with watching(client) as watcher:
        good = replace_token(kubeconfig, "expired")
        await client.connection.reload()
        replace_token(kubeconfig, good)
        assert await client.connection.authorization() == "Bearer expired"

        async def renewed() -> bool:
            return await client.connection.authorization() != "Bearer expired"

        await eventually(renewed, 15, "Kopf logged in again")
        await client.create(paths.pools(namespace), pool("p"))
        await watcher.sees(lambda cache: pool_in(cache, namespace, "p"))


async def test_watches_in_a_quiet_cluster_stay_young(client: KubeClient) -> None:
    async with watching(client) as watcher:
        worst = 0.0
        for _ in range(30):
            await asyncio.sleep(0.1)
            worst = max(worst, *(age or 99 for age in watcher.liveness.ages().values()))
        assert 0.5 < worst < 2.5


async def test_nothing_of_a_secret_is_logged(client: KubeClient, namespace: str, logged: io.StringIO) -> None:
    await client.create(paths.pools(namespace), pool("s"))
    async with watching(client) as watcher:
        await client.create(paths.secrets(namespace), secret("s", {"keypool.dev/published": "true"}))
        await watcher.sees(lambda cache: cache.secret(namespace, "s"))
        await client.delete(paths.secret(namespace, "s"))
        await watcher.sees(lambda cache: cache.secret(namespace, "s") is None)
    logging.getLogger("keypool.test").debug("the log is heard")
    assert "the log is heard" in logged.getvalue()
    assert "Y2FuYXJ5" not in logged.getvalue()
    assert "canary" not in logged.getvalue()
