"""The control plane: started, waited for, stopped."""

import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import commands, material
from keypool_lab.controlplane.cluster import Cluster
from keypool_lab.controlplane.failures import not_ready
from keypool_lab.controlplane.processes import Keeper
from keypool_lab.controlplane.readiness import answers_ok

FOLDER_PREFIX = "keypool-"
START_SECONDS = 240.0
"""A component that ends is told at once; one that lives is only slow, on a machine that is busy with much else."""
POLL_SECONDS = 0.05
# Go collects garbage each time the heap has doubled, and such small heaps double all the time.
SPARING = {"GOGC": "400"}
# Answered a second before the API server calls itself ready: time enough to install ours.
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?limit=1"
# Made by kube-controller-manager: once it is there, service accounts work and so does the rest.
FIRST_SERVICE_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


class ControlPlane(Cluster):
    """A running etcd, kube-apiserver and kube-controller-manager of one's own, on 127.0.0.1.

    Use `with ControlPlane.start(binaries) as plane:`. Starting and stopping block (from a coroutine, go through
    `asyncio.to_thread`). However the owning process ends, even by SIGKILL, processes and folder are gone soon after.
    """

    def __init__(self, folder: Path, port: int, binaries: Binaries) -> None:
        super().__init__(
            url=f"https://127.0.0.1:{port}",
            ca_path=folder / "tls" / "apiserver.crt",
            admin_kubeconfig=folder / "kubeconfig",
            kubectl_path=binaries.kubectl,
            folder=folder,
        )
        self.etcd_data = folder / "etcd"
        self._port = port
        self._binaries = binaries
        self._token = secrets.token_urlsafe(24)
        self._keeper = Keeper(folder)

    @classmethod
    def start(cls, binaries: Binaries, crds: Path | None = None, deadline: float = START_SECONDS) -> Self:
        """Start one, with the CRDs in the folder `crds` installed, and wait until it is ready.

        CRDs that are there from the beginning spare one a wait: the garbage collector looks for new kinds twice a
        minute only, and leaves alone what objects of unknown kinds own.

        Raises ControlPlaneError, with the end of the log, when a component ends or is not ready within `deadline` s;
        KubectlError when the CRDs are refused.
        """
        # Bound without listening: nobody else gets this port, and the API server can still share it.
        with socket.socket() as reservation:
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reservation.bind(("127.0.0.1", 0))
            plane = cls(Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX)), reservation.getsockname()[1], binaries)
            try:
                plane._bring_up(crds, time.monotonic() + deadline, deadline)
            except BaseException:
                plane.stop()
                raise
            return plane

    def stop(self) -> None:
        """End all processes and remove the folder. May be called again."""
        self._keeper.stop()
        shutil.rmtree(self.folder, ignore_errors=True)  # when the keeper could not

    def check(self) -> None:
        """Raise ControlPlaneError, with the end of its log, when a component has ended."""
        self._keeper.check()

    def launch(self, name: str, argv: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start one more process in the folder, to end with the control plane; `environment` is added to ours.

        It writes to `NAME.log` in the folder. Raises ControlPlaneError when the keeper is gone.
        """
        self._keeper.launch(name, argv, environment)

    @property
    def keeper_pid(self) -> int:
        """Process id of the keeper, the parent of all components."""
        return self._keeper.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bring_up(self, crds: Path | None, until: float, seconds: float) -> None:
        material.prepare(self.folder, self._token)
        material.write_private(
            self.admin_kubeconfig, material.kubeconfig(self.url, self.ca_path, material.ADMIN, self._token)
        )
        self._keeper.launch("etcd", commands.etcd(self._binaries.etcd, self.folder), SPARING)
        self._keeper.launch(
            "kube-apiserver", commands.kube_apiserver(self._binaries.kube_apiserver, self.folder, self._port), SPARING
        )
        self._wait("the API server does not answer", lambda: self._answers(CRDS), until, seconds)
        if crds is not None:
            self.install_crds(crds)
        self._wait("the API server is not ready", lambda: self._answers("/readyz"), until, seconds)
        self._keeper.launch(
            "kube-controller-manager",
            commands.kube_controller_manager(self._binaries.kube_controller_manager, self.folder),
            SPARING,
        )
        self._wait("no service accounts are made", lambda: self._answers(FIRST_SERVICE_ACCOUNT), until, seconds)

    def _answers(self, path: str) -> bool:
        return answers_ok(self._port, self.ca_path, self._token, path)

    def _wait(self, complaint: str, condition: Callable[[], bool], until: float, seconds: float) -> None:
        while not condition():
            self.check()
            if time.monotonic() > until:
                raise not_ready(complaint, seconds, self.folder)
            time.sleep(POLL_SECONDS)
