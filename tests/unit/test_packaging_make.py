"""The Makefile explains itself, and the script for continuous integration does what the README says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
MAKE = shutil.which("make") or "make"
TARGETS = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()


def make(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make, outside of the make that runs the tests."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")} | variables
    return subprocess.run(
        [MAKE, "--no-print-directory", *args],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_make_alone_explains_every_target() -> None:
    """And does nothing else."""
    explained = re.findall(r"^  make ([\w-]+) +\S", make().stdout, re.MULTILINE)
    assert sorted(explained) == sorted(TARGETS)


@pytest.mark.parametrize(
    "target",
    [
        "demo",
        "run",
        "install",
        "test",
        "test-all",
        "test-kubelet",
        "test-abuse",
        "check",
        "bench",
        "mutants",
        "crds",
        "docs",
        "clean",
        "lock",
    ],
)
def test_the_makefile_has(target: str) -> None:
    """The targets that the documentation speaks of."""
    assert target in TARGETS


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    """Without a Python that is new enough, one learns what is needed."""
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    run = make("VENV=" + str(tmp_path / "venv"), "install", PATH=str(tmp_path), SHELL="/bin/bash")
    assert "needs Python 3.11 or newer" in run.stderr


def test_the_ci_script_runs_the_tests_the_way_people_do() -> None:
    """Its last command is `make test`, in place of itself, so that its exit status is make's."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"
