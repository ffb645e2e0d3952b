"""Run one step of a build: its output goes to a log, its progress is told while it lasts."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from keypool_lab.binaries.errors import build_failed

TELL_SECONDS = 5.0


def run_logged(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    say: Callable[[str], None],
    deadline: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    progress: Callable[[Path], str] = lambda _: "",
) -> None:
    """Run a command to its end, telling every few seconds how far it is, with what `progress` reads from its log.

    Raises BinariesError, with the end of the log, when it cannot be run, fails, or is not done within `deadline` s.
    """
    started = time.monotonic()
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=folder,
                start_new_session=True,  # so that its children can be ended with it
            )
    except OSError as error:
        raise build_failed(name, f"{argv[0]} cannot be run ({error.strerror})", log) from error
    try:
        while (left := started + deadline - time.monotonic()) > 0:
            try:
                status = process.wait(min(TELL_SECONDS, left))
                break
            except subprocess.TimeoutExpired:
                say(f"{name}: {time.monotonic() - started:.0f} s{progress(log)}")
        else:
            raise build_failed(name, f"not done within {deadline:.0f} s", log)
    finally:
        _end(process)
    if status != 0:
        raise build_failed(name, f"{argv[0]} ended with status {status}", log)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
