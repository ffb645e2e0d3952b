"""The owner's side of the keeper: start components, see whether they live, let go of everything."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from keypool_lab.controlplane import keeper
from keypool_lab.controlplane.failures import ControlPlaneError, component_ended

STOP_SECONDS = 20.0


class Keeper:
    """Handle of a keeper process (see `keeper`) for one folder, which is removed in the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "keeper.log").open("wb"),
            start_new_session=True,  # a Ctrl-C in the terminal reaches the owner alone
        )

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._process.pid

    def launch(
        self,
        name: str,
        argv: list[str],
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        ending: int = signal.SIGKILL,
    ) -> None:
        """Have a component started (as `user`, to be ended by the signal `ending`).

        Raises ControlPlaneError when the keeper is gone.
        """
        if self._process.stdin is None:  # pragma: no cover - Popen was asked for a pipe
            raise ControlPlaneError("the keeper has no lifeline")
        try:
            order = {"name": name, "argv": argv, "environment": dict(environment or {}), "user": user, "ending": ending}
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise component_ended("keeper", self._folder / "keeper.log", self._process.poll()) from None

    def check(self) -> None:
        """Raise ControlPlaneError, with the end of its log, when a component has ended by itself."""
        for mark in sorted(self._folder.glob("*.exit")):
            raise component_ended(mark.stem, self._folder / f"{mark.stem}.log", mark.read_text())
        if self._process.poll() is not None:
            raise component_ended("keeper", self._folder / "keeper.log", self._process.returncode)

    def stop(self) -> None:
        """Cut the lifeline and wait until processes and folder are gone. May be called again."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ControlPlaneError(f"the keeper of {self._folder} did not end within {STOP_SECONDS:g} s") from None
