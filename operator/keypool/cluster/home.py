"""What libraries ask the machine for, where a container has no answer: its user may be in no passwd file, with nothing
but PATH in its environment, on a file system that is read-only."""

import os
import tempfile
from pathlib import Path

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - each file in it is made by tempfile, for us alone


def ensure_home() -> None:
    """The root folder is home where there is none, as container runtimes have it.

    `kubernetes` looks for a home while it is imported, and raises where neither HOME nor passwd tells one.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def scratch_folder() -> str | None:
    """Where files may be made for a moment: None where the usual folders do, else shared memory, which a container can
    write to although its file system is read-only."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return _SHARED_MEMORY
    return None
