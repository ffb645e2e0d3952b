"""In the image the operator's user has no name, no home and an empty environment: it works all the same."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from tests.cluster import nameless
from tests.cluster.installation import MANIFESTS, only, render
from tests.cluster.team import Team, pool_manifest

pytestmark = pytest.mark.skipif(bool(nameless.missing()), reason=nameless.missing())


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """What the wheel installs, in a folder that everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="keypool-image-"))
    folder.chmod(0o755)
    try:
        yield nameless.install(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def account(control_plane: Cluster, admin: KubeClient, system: str, tmp_path: Path) -> Path:
    """The files of the operator's service account, as a kubelet mounts them."""
    path = f"/api/v1/namespaces/{system}/serviceaccounts/keypool/token"
    answer = await admin.create(path, {"spec": {"expirationSeconds": 3600}})
    files = {"token": answer["status"]["token"], "namespace": system, "ca.crt": control_plane.ca_path.read_text()}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644)
    return tmp_path


@pytest.fixture
def environment(control_plane: Cluster, system: str, namespace: str) -> dict[str, str]:
    """What the Deployment and a kubelet give, but for a port of its own, one namespace, and the simulator's address."""
    host, _, port = control_plane.url.removeprefix("https://").rpartition(":")
    given = nameless.as_in_the_pod(only(render(control_plane, MANIFESTS / "base"), "Deployment"), system, "keypool-0")
    return given | {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KEYPOOL_HTTP_PORT": "0",
        "KEYPOOL_NAMESPACES": namespace,
        "KEYPOOL_ALLOW_INSECURE_ENDPOINTS": "true",
        "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS": "127.0.0.0/8",
    }


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("closed", [False, True], ids=["in-the-images-folder", "in-a-folder-it-may-not-read"])
async def test_a_pool_becomes_ready_for_a_user_without_name_and_home(
    team: Team, image: Path, account: Path, environment: dict[str, str], *, closed: bool
) -> None:
    """And SIGTERM ends it in order."""
    cwd = await asyncio.to_thread(tempfile.mkdtemp) if closed else None  # with the rights 0700
    async with nameless.started(image, account, environment, Path(cwd) if cwd else None) as operator:
        await operator.leads()
        await team.apply(pool_manifest())
        await team.ready(deadline=30)
        operator.send(signal.SIGTERM)
        assert await operator.exit_code() == 0
        assert [line for line in operator.lines if line["level"] in {"warning", "error"}] == []
