"""The lab's control plane behaves like a real one, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import Cluster, ControlPlane
from tests.conftest import Kubectl
from tests.waiting import eventually, within

CANARY = "canary-c0ffee-value"


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that run in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder or str(folder) in (process / "cmdline").read_text():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


async def nothing_left_of(folder: Path) -> bool:
    """Whether a control plane's processes and folder are gone."""
    return await asyncio.to_thread(lambda: not folder.exists() and not processes_of(folder))


async def test_two_at_once_do_not_collide(binaries: Binaries, control_plane: Cluster, namespace: str) -> None:
    """A second control plane runs beside the worker's own and knows nothing of its objects."""
    second = await asyncio.to_thread(ControlPlane.start, binaries)
    try:
        assert second.url != control_plane.url
        names = (await second.kubectl("get", "namespaces", "--output=name")).checked()
        assert f"namespace/{namespace}" not in names.split()
    finally:
        await asyncio.to_thread(second.stop)


async def test_secrets_are_encrypted_in_etcds_files(own_control_plane: ControlPlane, kubectl: Kubectl) -> None:
    """A ConfigMap's text can be read in etcd's files, which shows that the search works; a Secret's cannot."""
    (await kubectl("create", "configmap", "plain", f"--from-literal=a={CANARY}-configmap")).checked()
    (await kubectl("create", "secret", "generic", "hidden", f"--from-literal=a={CANARY}-secret")).checked()
    files = b"".join(path.read_bytes() for path in own_control_plane.etcd_data.rglob("*") if path.is_file())
    assert f"{CANARY}-configmap".encode() in files
    assert f"{CANARY}-secret".encode() not in files


async def test_a_service_account_may_do_only_what_rbac_grants(
    control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    """Its kubeconfig authenticates as that account, and without a role it may not read Secrets."""
    (await kubectl("create", "serviceaccount", "robot")).checked()
    kubeconfig = await control_plane.kubeconfig_for(namespace, "robot")
    who = json.loads((await kubectl("--kubeconfig", str(kubeconfig), "auth", "whoami", "--output=json")).checked())
    assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"
    refused = await kubectl("--kubeconfig", str(kubeconfig), "get", "secrets")
    assert refused.returncode != 0
    assert "Forbidden" in refused.stderr


async def test_what_a_pool_owns_is_garbage_collected(own_control_plane: ControlPlane, kubectl: Kubectl) -> None:
    """The garbage collector knows our kinds from the start, and does not wait for its next look for new ones."""
    pool = {
        "apiVersion": "keypool.dev/v1alpha1",
        "kind": "ApiKeyPool",
        "metadata": {"name": "owner"},
        "spec": {"providerRef": {"name": "nobody"}},
    }
    made = json.loads((await kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(pool))).checked())
    owner = {key: made[key] for key in ("apiVersion", "kind")} | {key: made["metadata"][key] for key in ("name", "uid")}
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [owner]}}
    (await kubectl("create", "--filename=-", stdin=json.dumps(owned))).checked()
    (await kubectl("delete", "apikeypool", "owner")).checked()
    (await kubectl("wait", "--for=delete", "configmap/owned", "--timeout=10s")).checked()


async def test_pod_security_is_enforced(kubectl: Kubectl, control_plane: Cluster, namespace: str) -> None:
    """In a namespace with enforce=restricted an ordinary pod is refused."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    (await control_plane.kubectl("label", "namespace", namespace, label)).checked()
    refused = await kubectl("run", "careless", "--image=example.invalid/image")
    assert "violates PodSecurity" in refused.stderr


async def test_nothing_is_left_after_stop(binaries: Binaries) -> None:
    """Processes and folder are gone when `stop` returns, and it may be called again."""
    plane = await asyncio.to_thread(ControlPlane.start, binaries)
    assert len(processes_of(plane.folder)) == 4
    await asyncio.to_thread(plane.stop)
    assert await nothing_left_of(plane.folder)
    plane.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_nothing_is_left_after_the_owner_is_ended_by(number: signal.Signals, binaries: Binaries) -> None:
    """Ctrl-C lets the owner tidy up, SIGKILL gives it no chance; the outcome is the same."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "keypool_lab", "controlplane", stdout=subprocess.PIPE
    )
    try:
        assert owner.stdout is not None
        line = await within(owner.stdout.readline(), 60)
        folder = Path(line.decode().strip().removeprefix("export KUBECONFIG=")).parent
        assert len(processes_of(folder)) == 4
        owner.send_signal(number)
        await within(owner.wait(), 10)
        await eventually(lambda: nothing_left_of(folder), what="processes and folder gone")
    finally:
        if owner.returncode is None:
            owner.kill()
            await owner.wait()


async def test_components_do_not_outlive_a_killed_keeper(binaries: Binaries) -> None:
    """The process that tidies up may be killed too; the kernel takes the components along."""
    plane = await asyncio.to_thread(ControlPlane.start, binaries)
    try:
        os.kill(plane.keeper_pid, signal.SIGKILL)
    finally:
        await asyncio.to_thread(plane.stop)
    await eventually(lambda: nothing_left_of(plane.folder), what="processes and folder gone")
