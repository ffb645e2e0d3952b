"""Building a program: what is run, what is told when it fails, and that the result is tried out."""

import sys
from pathlib import Path

import pytest

from keypool_lab.binaries import BinariesError
from keypool_lab.binaries.build import build_argv, verify
from keypool_lab.binaries.commands import run_logged
from keypool_lab.binaries.golang import NEEDED, new_enough
from keypool_lab.binaries.programs import (
    ETCD_VERSION,
    KUBERNETES,
    KUBERNETES_VERSION,
    PROGRAMS,
    PROMETHEUS,
    PROMETHEUS_VERSION,
    PROMTOOL,
)

ETCD, *_ = PROGRAMS


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run(tmp_path: Path, code: str, deadline: float = 30.0) -> None:
    """Run a line of Python as a step of a build."""
    argv = [sys.executable, "-c", code]
    run_logged("etcd", argv, log=tmp_path / "etcd.log", say=lambda line: None, deadline=deadline)


def test_go_mod_pins_every_program() -> None:
    """Each program is a tool of the module, at the versions that are verified after the build."""
    text = (KUBERNETES.folder / "go.mod").read_text()
    assert all(f"\t{program.package}\n" in text for program in PROGRAMS)
    assert f"k8s.io/kubernetes {KUBERNETES_VERSION}" in text
    assert f"go.etcd.io/etcd/server/v3 v{ETCD_VERSION}" in text
    assert f"\ngo {NEEDED[0]}.{NEEDED[1]}." in text


def test_go_mod_pins_promtool() -> None:
    """It has a module of its own: the control plane is not built anew for another Prometheus."""
    text = (PROMETHEUS.folder / "go.mod").read_text()
    assert f"tool {PROMTOOL.package}\n" in text
    assert f"github.com/prometheus/prometheus {PROMETHEUS_VERSION.replace('v3.', 'v0.3')}" in text


def test_programs_carry_a_releases_version() -> None:
    """Without the stamps, kubectl and the API server would call themselves v0.0.0."""
    flags = " ".join(build_argv(Path("go"), ETCD, Path("out")))
    assert f"gitVersion={KUBERNETES_VERSION} " in flags
    assert "gitMajor=1 " in flags


def test_a_failing_step_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """The message names the log, and shows what the compiler said last."""
    with pytest.raises(BinariesError, match=r"status 2.*etcd\.log:\n  undefined: x"):
        run(tmp_path, "print('undefined: x'); raise SystemExit(2)")


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    """One knows what to do without reading the log."""
    with pytest.raises(BinariesError, match="The disk is full"):
        run(tmp_path, "print('write out: no space left on device'); raise SystemExit(1)")


def test_a_step_that_hangs_is_ended(tmp_path: Path) -> None:
    """Every step has a deadline."""
    with pytest.raises(BinariesError, match="not done within"):
        run(tmp_path, "import time; time.sleep(600)", deadline=0.2)


def test_a_program_of_another_version_is_refused(tmp_path: Path) -> None:
    """What was built has to say the version that go.mod pins."""
    program = script(tmp_path / "etcd", "echo etcd Version: 2.0")
    with pytest.raises(BinariesError, match="does not say 'etcd Version"):
        verify(ETCD, program, tmp_path / "etcd.log")


def test_a_program_that_does_not_run_is_refused(tmp_path: Path) -> None:
    """A file that was cut short, for example."""
    program = tmp_path / "etcd"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    with pytest.raises(BinariesError, match="does not run"):
        verify(ETCD, program, tmp_path / "etcd.log")


@pytest.mark.parametrize(
    ("answer", "enough"),
    [("go1.26.0", True), ("go1.27rc1", True), ("go2.0", True), ("go1.25.9", False), ("go1.9", False), ("", False)],
)
def test_only_a_go_that_is_new_enough_is_used(answer: str, enough: bool, tmp_path: Path) -> None:
    """go.mod demands a version; older ones are passed over."""
    assert new_enough(script(tmp_path / "go", f"echo {answer}")) is enough


def test_no_go_is_not_enough(tmp_path: Path) -> None:
    """A toolchain that is not there is not there."""
    assert not new_enough(tmp_path / "go")
