"""A lab whose holder is a process in the background: start it, follow it until it is ready, end it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from keypool_lab.lab.holding import RESTART
from keypool_lab.lab.lab import LabError
from keypool_lab.lab.standing import Standing, StateFile

POLL_SECONDS = 0.1
STOP_SECONDS = 30.0
RESTART_SECONDS = 100.0
"""Longer than an operator that is started may take to become ready."""
KILLED_SECONDS = 5.0

Say = Callable[[str], None]


def start(state: StateFile, say: Say) -> Standing:
    """Start a holder and pass on what it tells until the lab is ready. Raises LabError when it ends before that."""
    state.path.parent.mkdir(parents=True, exist_ok=True)
    with state.log.open("w") as log:
        holder = subprocess.Popen(
            [sys.executable, "-m", "keypool_lab", "up", "--foreground"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C, and the end of the terminal, reach us alone
        )
    try:
        return _follow(state, holder, say)
    except BaseException:
        holder.terminate()
        holder.wait(STOP_SECONDS)
        state.log.unlink(missing_ok=True)
        raise


def _follow(state: StateFile, holder: "subprocess.Popen[bytes]", say: Say) -> Standing:
    with state.log.open() as log:
        while True:
            ended, standing = holder.poll() is not None, state.standing()
            if standing is not None and standing.ready:
                return standing
            for line in log:
                say(line.rstrip("\n"))
            if ended:
                raise LabError("the lab could not be started; the reason is above")
            time.sleep(POLL_SECONDS)


def restart_operator(state: StateFile, standing: Standing) -> Standing:
    """Have the holder start another operator in the place of the one that has ended. Raises LabError."""
    _signal(standing.pid, RESTART)
    until = time.monotonic() + RESTART_SECONDS
    while time.monotonic() < until:
        now = state.standing()
        if now is None:
            raise LabError("the lab ended meanwhile; `up` starts another one")
        if now.operator_url != standing.operator_url and not now.ended():
            return now
        time.sleep(POLL_SECONDS)
    raise LabError(
        f"the operator has ended and another one does not start; its log is {standing.folder}/operator.log. The "
        "cluster with its pools is still there; `down` ends it, and then `up` starts another one"
    )


def stop(state: StateFile) -> bool:
    """End the lab that is up and wait until it is gone; False when none was. Raises LabError when it does not end."""
    standing = state.standing()
    if standing is None:
        return False
    _signal(standing.pid, signal.SIGTERM)
    if not _gone(state, STOP_SECONDS):
        _signal(standing.pid, signal.SIGKILL)
        if not _gone(state, KILLED_SECONDS):
            raise LabError(f"process {standing.pid} does not end")
        state.sweep()
    state.log.unlink(missing_ok=True)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself a moment ago
        os.kill(pid, number)


def _gone(state: StateFile, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while state.standing() is not None:
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True
