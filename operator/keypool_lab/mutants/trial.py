"""One defect on trial: a copy of the repository with it, and the first test that fails there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from keypool_lab.lab.install import REPOSITORY
from keypool_lab.mutants.defect import Defect

LONGEST = 300.0
"""Seconds that the tests of one defect may take."""
_LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`caught_by` is the test that failed first, "" when all passed; `seconds` is how long that took."""

    defect: Defect
    caught_by: str
    seconds: float


def try_defect(defect: Defect) -> Outcome:
    """Sows a defect and runs its tests. Raises Misplaced, subprocess.TimeoutExpired."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keypool-mutant-") as folder:
        root = Path(folder) / "keypool"
        shutil.copytree(REPOSITORY, root, ignore=_LEFT_OUT)
        defect.sow(root)
        caught_by = next((test for tests in defect.tests if (test := _first_failure(root, tests))), "")
    return Outcome(defect, caught_by, time.monotonic() - started)


def _first_failure(root: Path, tests: str) -> str:
    """The first test that fails, "" when all pass."""
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests.split()]
    environment = {**os.environ, "PYTHONPATH": str(root / "operator")}
    run = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False)
    if run.returncode == 0:
        return ""
    found = _FAILED.search(run.stdout)
    return found.group(1) if found else f"{tests}: pytest ended with status {run.returncode}"
