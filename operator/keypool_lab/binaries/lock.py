"""One builder at a time."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from keypool_lab.binaries.errors import BinariesError

POLL_SECONDS = 0.5
REMIND_SECONDS = 15.0
WAIT_SECONDS = 2 * 3600.0


@contextmanager
def exclusive(path: Path, say: Callable[[str], None], wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold a lock file; while another process holds it, say so now and then. The kernel frees it when a holder dies.

    Raises BinariesError when it is not free within `wait_seconds`.
    """
    started = time.monotonic()
    remind = 0.0
    with path.open("a") as file:
        while not _take(file):
            waited = time.monotonic() - started
            if waited >= wait_seconds:
                raise BinariesError(f"another process has held {path} for {waited:.0f} s; end it, then run this again")
            if waited >= remind:
                say(f"waiting for another process that builds into {path.parent} ({waited:.0f} s)")
                remind = waited + REMIND_SECONDS
            time.sleep(POLL_SECONDS)
        yield


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
