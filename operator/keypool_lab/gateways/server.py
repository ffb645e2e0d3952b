"""A server in a process of its own: started on a free port of loopback, waited for, started again, ended."""

import http.client
import shutil
import signal
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from keypool_lab.controlplane.failures import ControlPlaneError, log_tail
from keypool_lab.controlplane.processes import Keeper

FOLDER_PREFIX = "keypool-"
POLL_SECONDS = 0.1
ANSWER_SECONDS = 2.0
# Between choosing a free port and listening on it another process may take it.
ATTEMPTS = 3
PORT_TAKEN = ("address already in use", "Address already in use", "could not bind")


class GatewayError(Exception):
    """A gateway, or what it needs, cannot be started; the message has the end of its log."""


def free_port() -> int:
    """A port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server(ABC):
    """One server, kept by a keeper: however the owner ends, process and folder are gone soon after.

    Starting and stopping block (from a coroutine, go through `asyncio.to_thread`).
    """

    name: ClassVar[str]
    start_seconds: ClassVar[float] = 120.0
    user: ClassVar[str | None] = None
    ending: ClassVar[int] = signal.SIGKILL

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path()
        self._keeper: Keeper | None = None

    @abstractmethod
    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """Write what the server needs into `folder`; returns its command and what is added to the environment."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it serves. Raises GatewayError, with the end of its log, when it does not."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._launch()
                return self
            except GatewayError as error:
                self.stop()
                if attempt == ATTEMPTS or not any(words in str(error) for words in PORT_TAKEN):
                    raise
                self.port = free_port()
            except BaseException:
                self.stop()
                raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End the process and remove its folder. May be called again."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
            shutil.rmtree(self.folder, ignore_errors=True)  # when the keeper could not

    def restart(self) -> None:
        """End it at once and start it again, on the same port."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return int((self.folder / f"{self.name}.pid").read_text())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._keeper = Keeper(self.folder)
        argv, environment = self.prepare()
        until = time.monotonic() + self.start_seconds
        try:
            self._keeper.launch(self.name, argv, environment, self.user, self.ending)
            while not self.ready():
                self._keeper.check()
                if time.monotonic() > until:
                    raise self._failed(f"does not answer after {self.start_seconds:g} s")
                time.sleep(POLL_SECONDS)
        except ControlPlaneError as error:
            raise GatewayError(str(error)) from error

    def _failed(self, why: str) -> GatewayError:
        log = self.folder / f"{self.name}.log"
        return GatewayError(f"{self.name} {why}. The end of {log}:\n{log_tail(log)}")


def answers_ok(port: int, path: str) -> bool:
    """Whether GET `path` of a port of loopback is answered with 200; False while there is no server."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False
