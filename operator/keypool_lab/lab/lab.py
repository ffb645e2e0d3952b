"""The lab: its parts are started one after another, and all end together."""

import asyncio
import http.client
import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from keypool_lab.binaries import find_or_build
from keypool_lab.controlplane import ControlPlane
from keypool_lab.controlplane.failures import log_tail
from keypool_lab.controlplane.material import write_private
from keypool_lab.lab.install import ACCOUNT, CRDS, NAMESPACE, PROVIDER, SYSTEM, TOKEN_LIFETIME, install
from keypool_lab.narrator import Narrator

START_SECONDS = 30.0
POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0
# -P: the folder that a part runs in is no place to import from.
PYTHON = (sys.executable, "-P", "-m")
ADMIN_KEY = "KEYPOOL_LAB_ADMIN_KEY"
RELAY_PORT = re.compile(r"takes requests at .*, port (\d+);")

T = TypeVar("T")


class LabError(Exception):
    """A part of the lab did not start; the message has the end of its log."""


class Lab:
    """A running lab. However the process that started it ends, all parts and the folder are gone soon after.

    `plane` is the cluster, `simulator_url` the provider's API, `admin_key` its admin credential, `operator_url` where
    the operator answers /healthz, /readyz and /metrics. All files, logs among them, are in `plane.folder`. Of several
    `endpoints` of the provider's account the last one is preferred: the control is at the first, and outlives it.
    """

    def __init__(self, plane: ControlPlane, endpoints: int = 1, latency: float = 0.0) -> None:
        self.plane = plane
        self._endpoints, self._latency = endpoints, latency
        self._urls: list[str] = []
        self.admin_key = secrets.token_urlsafe(24)
        self.simulator_url = ""
        self.operator_url = ""

    @classmethod
    @contextmanager
    def running(cls, narrator: Narrator, *, endpoints: int = 1, latency: float = 0.0) -> Iterator[Self]:
        """Start one, wait until every part is healthy, and end it after the block. `latency`: seconds that the provider
        takes for each call at least.

        Raises BinariesError, ControlPlaneError, KubectlError or LabError when a part cannot be started.
        """
        binaries = find_or_build(lambda line: narrator.say(f"  {line}"))
        with narrator.stage("control plane (etcd, kube-apiserver, kube-controller-manager)"):
            plane = ControlPlane.start(binaries, CRDS)
        with plane:
            lab = cls(plane, endpoints, latency)
            with narrator.stage("provider simulator"):
                lab.start_simulator()
            with narrator.stage("operator, with the rights of manifests/base"):
                lab.start_operator()
            yield lab

    @property
    def control_url(self) -> str:
        """Where the simulator's faults are switched and its record is read, with the admin key."""
        return self.simulator_url.removesuffix("/v1") + "/_lab"

    def start_simulator(self) -> None:
        """Start the simulator; its record is kept in the folder."""
        folder = self.plane.folder
        write_private(folder / "simulator.key", self.admin_key)
        write_private(folder / "simulator.header", f"Authorization: Bearer {self.admin_key}\n")
        options = (f"--state={folder}/simulator.sqlite", f"--endpoints={self._endpoints}", f"--latency={self._latency}")
        self.plane.launch("simulator", [*PYTHON, "keypool_lab.simulator", *options], {ADMIN_KEY: self.admin_key})
        log = folder / "simulator.log"
        self._urls = self._wait("simulator", "does not tell its URLs", lambda: _urls(log, self._endpoints))
        self.simulator_url = self._urls[0]

    def start_operator(self) -> None:
        """Install its rights and a provider; wait until the operator is ready and has accepted the provider."""
        install(self.plane, self._urls[::-1], self.plane.folder / "simulator.key")
        self._run_operator()

    def restart_operator(self) -> None:
        """Another one in the place of the one that has ended, whose log goes to operator.log.1: the cluster, with all
        that is in it, stays. Raises LabError, KubectlError and ControlPlaneError."""
        folder = self.plane.folder
        (folder / "operator.log").replace(folder / "operator.log.1")
        (folder / "operator.exit").unlink(missing_ok=True)
        self._run_operator()

    def _run_operator(self) -> None:
        kubeconfig = asyncio.run(self.plane.kubeconfig_for(SYSTEM, ACCOUNT, TOKEN_LIFETIME))
        environment = {
            "KEYPOOL_KUBECONFIG": str(kubeconfig),
            "KEYPOOL_NAMESPACE": SYSTEM,
            "KEYPOOL_NAMESPACES": "",
            "KEYPOOL_HTTP_HOST": "127.0.0.1",
            "KEYPOOL_HTTP_PORT": "0",
            "KEYPOOL_ALLOW_INSECURE_ENDPOINTS": "true",
            "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS": "127.0.0.0/8",
        }
        self.plane.launch("operator", [*PYTHON, "keypool"], environment)
        self.operator_url = self._logged("operator", _served_url)
        self._wait("operator", "is not ready", lambda: answers(f"{self.operator_url}/readyz"))
        ready = ("wait", "--for=condition=Ready", f"keyprovider/{PROVIDER}", f"--timeout={START_SECONDS:.0f}s")
        self.plane.run_kubectl(*ready, f"--namespace={NAMESPACE}").checked()

    def start_relay(self, folder: Path) -> str:
        """Start `keypool-client relay` with a mounted folder; the base URL that programs use."""
        environment = {
            "KEYPOOL_FOLDER": str(folder),
            "KEYPOOL_RELAY_LISTEN_PORT": "0",
            "KEYPOOL_RELAY_HEALTH_PORT": "0",
            "NO_PROXY": "127.0.0.1",
        }
        self.plane.launch("relay", [*PYTHON, "keypool_client", "relay"], environment)
        port = self._logged("relay", lambda line: found[1] if (found := RELAY_PORT.search(line)) else None)
        return f"http://127.0.0.1:{port}/v1"

    def _logged(self, part: str, find: Callable[[str], T | None]) -> T:
        """What `find` makes of a line in a part's log, as soon as it finds something."""
        log = self.plane.folder / f"{part}.log"
        return self._wait(part, "does not tell where it is", lambda: _first(log, find))

    def _wait(self, part: str, complaint: str, condition: Callable[[], T | None]) -> T:
        until = time.monotonic() + START_SECONDS
        while not (found := condition()):
            self.plane.check()
            if time.monotonic() > until:
                tail = log_tail(self.plane.folder / f"{part}.log")
                raise LabError(f"the {part} {complaint} after {START_SECONDS:g} s. The end of its log:\n{tail}")
            time.sleep(POLL_SECONDS)
        return found


def answers(url: str) -> bool:
    """Whether a plain GET is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _urls(log: Path, count: int) -> list[str]:
    """The simulator's endpoints, once its log tells all of them in whole lines."""
    lines = log.read_text(errors="replace").splitlines(keepends=True) if log.exists() else []
    urls = [line.strip() for line in lines if line.startswith("http://") and line.endswith("\n")]
    return urls if len(urls) == count else []


def _served_url(line: str) -> str | None:
    """The operator's address, from the line of its log that tells it."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry.get("url") if isinstance(entry, dict) and entry.get("message") == "serving" else None


def _first(log: Path, find: Callable[[str], T | None]) -> T | None:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((found for line in lines if (found := find(line)) is not None), None)
