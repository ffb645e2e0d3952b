"""Hold a lab: start it, tell where it is, and keep it until told to stop; start its operator anew where asked to."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from keypool_lab.controlplane import ControlPlaneError, KubectlError
from keypool_lab.lab.lab import Lab, LabError
from keypool_lab.lab.standing import Standing, StateFile, tell
from keypool_lab.narrator import Narrator

LOOK_SECONDS = 0.5
STOPPING = (signal.SIGTERM, signal.SIGHUP)
RESTART = signal.SIGUSR1
"""Asks the holder for another operator, where the lab's own has ended."""
OPERATOR = "operator"


@contextmanager
def stoppable() -> Iterator[None]:
    """Until the block ends, SIGTERM and SIGHUP end it in the way Ctrl-C does: by KeyboardInterrupt."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hold(state: StateFile, narrator: Narrator, on_ready: Callable[[Standing], None]) -> None:
    """Run a lab until a signal comes. Raises AlreadyUp, and what `Lab.running` raises.

    A part that ends is told, and missed: whoever ended the operator may want to run another one.
    """
    wanted: list[int] = []
    with suppress(KeyboardInterrupt), stoppable(), state.hold() as file, Lab.running(narrator) as lab:
        standing = _standing(lab)
        with _heeding(wanted.append):
            tell(file, standing)
            on_ready(standing)
            told: set[str] = set()
            while True:
                for part, status in standing.ended().items():
                    if part not in told:
                        narrator.say(f"{part} has ended with status {status}; its log is {standing.folder}/{part}.log")
                        told.add(part)
                if wanted and set(standing.ended()) == {OPERATOR}:
                    standing = _restarted(lab, narrator)
                    tell(file, standing)
                    told.discard(OPERATOR)
                wanted.clear()
                time.sleep(LOOK_SECONDS)


@contextmanager
def _heeding(asked: Callable[[int], object]) -> Iterator[None]:
    """Until the block ends, `asked` is told when another operator is wanted."""
    before = signal.signal(RESTART, lambda number, _: asked(number))
    try:
        yield
    finally:
        signal.signal(RESTART, before)


def _restarted(lab: Lab, narrator: Narrator) -> Standing:
    """Where it does not start, the lab stays as it is: whoever asked sees that it has ended again."""
    try:
        with narrator.stage("another operator in the place of the one that ended"):
            lab.restart_operator()
    except (ControlPlaneError, KubectlError, LabError) as error:
        narrator.say(str(error))
        _end_what_does_not_work(lab)
    return _standing(lab)


def _end_what_does_not_work(lab: Lab) -> None:
    """Else it would be taken for an operator that works."""
    folder = lab.plane.folder
    if not (folder / f"{OPERATOR}.exit").exists():
        with suppress(ProcessLookupError):
            os.kill(int((folder / f"{OPERATOR}.pid").read_text()), signal.SIGKILL)


def _standing(lab: Lab) -> Standing:
    return Standing(
        pid=os.getpid(),
        folder=str(lab.plane.folder),
        kubectl=str(lab.plane.kubectl_path),
        simulator_url=lab.simulator_url,
        operator_url=lab.operator_url,
    )
