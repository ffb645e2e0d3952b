"""Hold a lab: start it, tell where it is, and keep it until told to stop."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from keypool_lab.lab.lab import Lab
from keypool_lab.lab.standing import Standing, StateFile, tell
from keypool_lab.narrator import Narrator

LOOK_SECONDS = 0.5
STOPPING = (signal.SIGTERM, signal.SIGHUP)


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
    with suppress(KeyboardInterrupt), stoppable(), state.hold() as file, Lab.running(narrator) as lab:
        standing = _standing(lab)
        tell(file, standing)
        on_ready(standing)
        told: set[str] = set()
        while True:
            for part, status in standing.ended().items():
                if part not in told:
                    narrator.say(f"{part} has ended with status {status}; its log is {standing.folder}/{part}.log")
                    told.add(part)
            time.sleep(LOOK_SECONDS)


def _standing(lab: Lab) -> Standing:
    return Standing(
        pid=os.getpid(),
        folder=str(lab.plane.folder),
        kubectl=str(lab.plane.kubectl_path),
        simulator_url=lab.simulator_url,
        operator_url=lab.operator_url,
    )
