"""One node in namespaces of the process's own: network, containerd, kubelet, and what stands in for a scheduler.

To be used as the first process of such namespaces (`needs.NAMESPACES`). Nothing that it mounts, starts or sets is seen
outside, and all of it is gone when the process ends.
"""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Conflict, KubeError, NotFound
from keypool_lab.controlplane import ControlPlane
from tests.waiting import eventually

NAME, GATEWAY, SUBNET, API_ADDRESS = "lab", "10.88.0.1", "10.88.0.0/16", "10.0.0.1"
HIDDEN = ("/run", "/var/lib", "/var/log")
"""Where containerd, its shims, CNI and the kubelet leave files whatever they are told."""
TUNABLES = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
KEYS = ("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes")
WORKLOADS = (
    "deployment-controller",
    "replicaset-controller",
    "disruption-controller",
    "endpointslice-controller",
    "endpoints-controller",
)
CONTAINERD = """
version = 2
root = "{0}/containerd"
state = "/run/containerd-state"
[grpc]
  address = "{0}/containerd.sock"
[ttrpc]
  address = "{0}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{0}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{1}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{0}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def enter() -> None:
    """Makes the namespaces' network, and covers what is not to be touched. Blocks."""
    for folder in HIDDEN:
        _do("mount", "-t", "tmpfs", "tmpfs", folder)
    for number, name in enumerate((*TUNABLES, *KEYS)):
        stand_in = Path(f"/run/tunable-{number}")
        with contextlib.suppress(OSError):
            stand_in.write_text(Path("/proc/sys", name).read_text())
            _do("mount", "--bind", str(stand_in), f"/proc/sys/{name}")
    hosts = Path("/run/hosts")  # the API server calls the kubelet by the node's name
    hosts.write_text(f"127.0.0.1 localhost\n{GATEWAY} {NAME}\n")
    _do("mount", "--bind", str(hosts), "/etc/hosts")
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "address", "add", f"{API_ADDRESS}/32", "dev", "lo")
    # With an address of its own: else the bridge takes a port's, and pods lose their gateway while ports come and go.
    _do("ip", "link", "add", "cni0", "address", "0a:58:0a:58:00:01", "type", "bridge")
    _do("ip", "address", "add", f"{GATEWAY}/16", "dev", "cni0")
    _do("ip", "link", "set", "cni0", "up")


def _do(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stdout}{run.stderr}")
    return run.stdout


class Node:
    """The node of a control plane, in whose folder its files are."""

    def __init__(self, plane: ControlPlane, kubelet: Path, programs: Path, sync: str) -> None:
        self._plane, self._folder, self._kubelet, self._programs = plane, plane.folder, kubelet, programs
        self._sync = sync
        self._socket = plane.folder / "containerd.sock"

    async def start(self, pause: str, *archives: Path) -> None:
        """Starts it, with the images of these archives, and waits until it is ready."""
        (self._folder / "cni").mkdir()
        (self._folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_network(self._folder)))
        (self._folder / "containerd.toml").write_text(CONTAINERD.format(self._folder, pause))
        (self._folder / "kubelet.json").write_text(json.dumps(self._settings()))
        self._plane.launch("workloads", self._controllers())
        self._plane.launch("containerd", ["containerd", f"--config={self._folder}/containerd.toml"])
        await eventually(self._containerd_answers, 30, "containerd answers")
        for archive in archives:
            await asyncio.to_thread(_do, *self._ctr("images", "import", "--snapshotter=overlayfs", str(archive)))
        self._plane.launch("kubelet", self._command())
        await eventually(self._is_ready, 60, "the node is ready")

    async def _containerd_answers(self) -> bool:
        self._plane.check()
        run = await asyncio.to_thread(
            subprocess.run, self._ctr("version"), capture_output=True, timeout=60, check=False
        )
        return run.returncode == 0

    async def _is_ready(self) -> bool:
        self._plane.check()
        run = await self._plane.kubectl("get", "node", NAME, "--no-headers")
        return run.stdout.split()[1:2] == ["Ready"]

    def _ctr(self, *arguments: str) -> list[str]:
        return ["ctr", f"--address={self._socket}", "--namespace=k8s.io", *arguments]

    def _command(self) -> list[str]:
        return [
            str(self._kubelet),
            f"--config={self._folder}/kubelet.json",
            f"--kubeconfig={self._plane.admin_kubeconfig}",
            f"--hostname-override={NAME}",
            f"--node-ip={GATEWAY}",
            f"--root-dir={self._folder}/kubelet",
            f"--cert-dir={self._folder}/certificates",
        ]

    def _settings(self) -> dict[str, Any]:
        """`sync`: how often a pod's mounted folders are brought up to date, half as much again at most."""
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": GATEWAY,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "failCgroupV1": False,
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "imageMinimumGCAge": "24h",
            "syncFrequency": self._sync,
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
            "localStorageCapacityIsolation": True,
        }

    def _controllers(self) -> list[str]:
        return [
            str(self._programs / "kube-controller-manager"),
            f"--kubeconfig={self._plane.admin_kubeconfig}",
            f"--controllers={','.join(WORKLOADS)}",
            "--leader-elect=false",
            "--secure-port=0",
        ]


def _network(folder: Path) -> dict[str, Any]:
    ranges = [[{"subnet": SUBNET}]]
    addresses = {
        "type": "host-local",
        "dataDir": f"{folder}/addresses",
        "ranges": ranges,
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge]}


async def bind_pods(client: KubeClient) -> None:
    """In the place of a scheduler: each pod goes to the one node there is. Never ends."""
    target = {"apiVersion": "v1", "kind": "Node", "name": NAME}
    while True:
        with contextlib.suppress(KubeError):
            async for pod in client.list("/api/v1/pods"):
                if "nodeName" not in pod["spec"] and "deletionTimestamp" not in pod["metadata"]:
                    await _bind(client, pod["metadata"]["namespace"], pod["metadata"]["name"], target)
        await asyncio.sleep(0.3)


async def _bind(client: KubeClient, namespace: str, pod: str, target: dict[str, str]) -> None:
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
    with contextlib.suppress(Conflict, NotFound):
        await client.create(f"/api/v1/namespaces/{namespace}/pods/{pod}/binding", binding)


@asynccontextmanager
async def forwarded(address: str, port: int, target: int) -> AsyncIterator[None]:
    """What listens on loopback answers at another address too."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # at the end; asyncio's streams would print it
            try:
                there = await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                writer.transport.abort()  # nobody is there
                return
            await asyncio.gather(_pass(reader, there[1]), _pass(there[0], writer))

    async with await asyncio.start_server(serve, address, port):
        yield


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()
