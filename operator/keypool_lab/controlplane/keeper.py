"""The keeper: a small process that owns the components of one control plane and its folder.

Run as a script, with the folder as its only argument, by `processes.Keeper`. It reads orders from standard input, one
JSON object a line: `{"name": "etcd", "argv": ["/path/etcd", "--flag"], "environment": {}, "user": null, "ending": 9}`.
`environment` is what the component finds in its environment besides the keeper's own, `user` the one it runs as (null:
the keeper's), `ending` the signal that ends it. Each component writes to `FOLDER/NAME.log`, its process id is in
`FOLDER/NAME.pid`, and when it ends, its exit status is left in `FOLDER/NAME.exit`.

Standard input is also the lifeline. It ends when the owner closes it and when the owner dies, by whatever means: then
the components are ended and the folder is removed. Most are killed (their state is thrown away, so there is nothing to
end gracefully); one that would leave something behind names a milder signal, and is killed when it does not heed it.
Should the keeper itself be killed, the kernel takes the components along, where it can do that (Linux).

Only the standard library is used, and neither threads nor an event loop, so that it starts in a few milliseconds.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
NEVER_STARTED = 127  # what a shell says
HEED_SECONDS = 5.0


def die_with_parent(ending: int = signal.SIGKILL) -> Callable[[], None] | None:
    """What a child does before exec so that the kernel ends it when the keeper dies; None where that is unknown."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, ending)


class Components:
    """The processes started so far, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._endings: dict[str, int] = {}

    def start(self, name: str, argv: list[str], environment: dict[str, str], user: str | None, ending: int) -> None:
        """Start a component; a name may be used again once its process has ended."""
        with (self._folder / f"{name}.log").open("ab") as log:
            try:
                self._running[name] = subprocess.Popen(
                    argv,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **environment},
                    user=user,
                    preexec_fn=die_with_parent(ending),  # noqa: PLW1509 - there are no threads here
                )
                self._endings[name] = ending
                (self._folder / f"{name}.pid").write_text(str(self._running[name].pid))
            except OSError as error:
                log.write(f"{argv[0]} cannot be run: {error}\n".encode())
                self._leave_exit(name, NEVER_STARTED)
        self.note_exits()  # the signal may have come before the name was known

    def note_exits(self, *_: object) -> None:
        """Leave the exit status of every component that has ended; also the handler of SIGCHLD.

        SIGCHLD waits meanwhile: within `poll`, which holds a lock, a second look sees nothing, and an exit were missed.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        try:
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    self._leave_exit(name, process.returncode)
                    del self._running[name]
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _leave_exit(self, name: str, status: int) -> None:
        (self._folder / f"{name}.exit").write_text(str(status))

    def kill(self) -> None:
        """End what still runs and wait until it is gone."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for name, process in self._running.items():
            process.send_signal(self._endings[name])
        for process in self._running.values():
            try:
                process.wait(HEED_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main(folder: Path) -> None:
    """Carry out orders until standard input ends, then leave nothing behind."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the lifeline alone decides
    components = Components(folder)
    signal.signal(signal.SIGCHLD, components.note_exits)
    try:
        for line in sys.stdin:
            order = json.loads(line)
            components.start(**order)
    finally:
        components.kill()
        os.chdir("/")
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
