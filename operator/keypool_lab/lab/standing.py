"""The lab that is up: a small file tells which process holds it and where everything is.

The holder keeps the file locked for as long as it lives, and the kernel lets go of the lock however it dies. So a file
that can be locked is what a crash left, and the process id in one that cannot is certainly the holder's.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from keypool_lab.controlplane.plane import FOLDER_PREFIX

LOCK_SECONDS = 1.0
POLL_SECONDS = 0.02


class AlreadyUp(Exception):
    """Another process holds a lab."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the file tells: `pid` of the holder; the rest is empty until the lab is ready."""

    pid: int
    folder: str = ""
    kubectl: str = ""
    simulator_url: str = ""
    operator_url: str = ""

    @property
    def ready(self) -> bool:
        """Whether every part of the lab has become healthy."""
        return bool(self.operator_url)

    def ended(self) -> dict[str, str]:
        """The parts that have ended since, by name, with their exit statuses."""
        return {mark.stem: mark.read_text() for mark in sorted(Path(self.folder).glob("*.exit"))} if self.folder else {}


def state_folder(environment: Mapping[str, str]) -> Path:
    """Keypool's folder in $XDG_STATE_HOME, else in ~/.local/state."""
    base = environment.get("XDG_STATE_HOME")
    return (Path(base).absolute() if base else Path.home() / ".local" / "state") / "keypool"


class StateFile:
    """`lab.json` in the state folder; `log` beside it takes what a holder in the background tells."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lab.json"
        self.log = folder / "lab.log"

    @contextmanager
    def hold(self) -> Iterator[IO[str]]:
        """Be the holder until the block ends; the file is removed then. Raises AlreadyUp.

        What it yields is for `tell`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as file:
            try:
                tell(file, Standing(pid=os.getpid()))
                yield file
            finally:
                self.path.unlink(missing_ok=True)

    def standing(self) -> Standing | None:
        """The lab that is up or being started; None when nobody holds one."""
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                with self.path.open("r+") as file:
                    if _lock(file):
                        return None
                    found = _parse(file)
            except FileNotFoundError:
                return None
            if found is not None or time.monotonic() > until:
                return found
            time.sleep(POLL_SECONDS)  # looked at while it was being written

    def sweep(self) -> bool:
        """Remove what a killed holder left, if anything: True then. Its processes have ended with it."""
        with contextlib.suppress(FileNotFoundError), self.path.open("r+") as file:
            if not _lock(file):
                return False
            left = _parse(file)
            if left is not None and _is_ours(Path(left.folder)):
                shutil.rmtree(left.folder, ignore_errors=True)
            self.path.unlink(missing_ok=True)
            self.log.unlink(missing_ok=True)
            return True
        return False

    def _locked(self) -> IO[str]:
        until = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < until:
            file = self.path.open("a+")
            if _lock(file) and _is_at(file, self.path):
                return file
            file.close()  # held, looked at right now, or removed between opening and locking
            time.sleep(POLL_SECONDS)
        raise AlreadyUp("another process holds a lab")


def tell(file: IO[str], standing: Standing) -> None:
    """Put this into the state file, by its holder."""
    file.seek(0)
    file.truncate()
    file.write(json.dumps(asdict(standing)))
    file.flush()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _parse(file: IO[str]) -> Standing | None:
    try:
        return Standing(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None  # in the middle of writing


def _is_ours(folder: Path) -> bool:
    """Whether this is a control plane's folder: nothing else is ever removed."""
    return folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith(FOLDER_PREFIX)
