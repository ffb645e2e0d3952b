"""The play, played once for all tests of this folder, in namespaces of its own."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dockerfile import ROOT
from tests.kubelet.image import Images
from tests.kubelet.needs import NAMESPACES, missing
from tests.kubelet.prepare import prepare

SECONDS = 1200


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    """Skips where a kubelet cannot run, and says what is missing; on continuous integration that is a failure."""
    if lacking := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)


@pytest.fixture(scope="session")
def archive(_possible: None) -> Path:
    """The operator's image."""
    return Images().prepare()[0]


@pytest.fixture(scope="session")
def facts(_possible: None) -> Iterator[dict[str, Any]]:
    """What was seen on the node; see `play`."""
    prepared = prepare()
    before = _cgroups()
    folder = Path(tempfile.mkdtemp(prefix="keypool-node-"))
    try:
        command = [*NAMESPACES, sys.executable, "-m", "tests.kubelet.play", str(folder / "facts"), *map(str, prepared)]
        run = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (folder / "facts").exists(), run.stdout + run.stderr
        yield json.loads((folder / "facts").read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for group in reversed(_cgroups()):
            if group not in before:
                with contextlib.suppress(OSError):  # another run's, which is not over
                    group.rmdir()


def _cgroups() -> list[Path]:
    """Those of containerd's pods: they alone outlive the namespaces. (Version 1 has one for each controller.)"""
    return sorted([*Path("/sys/fs/cgroup").glob("**/k8s.io"), *Path("/sys/fs/cgroup").glob("**/k8s.io/*/")])
