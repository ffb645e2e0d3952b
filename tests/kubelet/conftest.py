"""Plays on a node, each in namespaces of its own and played once for all tests that judge it."""

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
from tests.kubelet.image import SHIPPED, Images
from tests.kubelet.needs import NAMESPACES, missing
from tests.kubelet.prepare import prepare

SECONDS = 2700
"""Longer than any play gives itself."""


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
    with acted("play") as found:
        yield found


@contextlib.contextmanager
def acted(play: str, *given: str, images: tuple[str, ...] = SHIPPED) -> Iterator[dict[str, Any]]:
    """What a play saw; `given` is what it takes before the file of facts, `images` are on the node."""
    prepared = prepare(images)
    before = _cgroups()
    folder = Path(tempfile.mkdtemp(prefix="keypool-node-"))
    try:
        program = [sys.executable, "-m", f"tests.kubelet.{play}", *given, str(folder / "facts"), *map(str, prepared)]
        run = subprocess.run(
            [*NAMESPACES, *program],
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
