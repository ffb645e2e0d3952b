"""A control plane that cannot start says which component is to blame, shows its log, and leaves nothing behind."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import ControlPlane, ControlPlaneError


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Binaries:
    """Programs that run and do nothing; control planes get their folders in an empty place."""
    (tmp_path / "planes").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "planes"))
    program = script(tmp_path / "idle", "exec sleep 600")
    return Binaries(etcd=program, kube_apiserver=program, kube_controller_manager=program, kubectl=program)


def test_a_component_that_ends_is_named_with_the_end_of_its_log(idle: Binaries, tmp_path: Path) -> None:
    """One learns what went wrong without looking for files."""
    broken = replace(idle, kube_apiserver=script(tmp_path / "broken", "echo cannot do that; exit 3"))
    with pytest.raises(ControlPlaneError, match=r"kube-apiserver ended with status 3.*\n +cannot do that"):
        ControlPlane.start(broken, deadline=30)


def test_a_program_that_is_not_there_is_told(idle: Binaries, tmp_path: Path) -> None:
    """A missing program is named."""
    with pytest.raises(ControlPlaneError, match=r"etcd ended with status 127(.|\n)*/no-such-etcd cannot be run"):
        ControlPlane.start(replace(idle, etcd=tmp_path / "no-such-etcd"), deadline=30)


def test_waiting_has_an_end(idle: Binaries) -> None:
    """Components that run but never become ready are given up after the deadline."""
    with pytest.raises(ControlPlaneError, match=r"does not answer after 0\.2 s"):
        ControlPlane.start(idle, deadline=0.2)


def test_a_failed_start_leaves_no_folder(idle: Binaries, tmp_path: Path) -> None:
    """The folder goes with the attempt."""
    with pytest.raises(ControlPlaneError):
        ControlPlane.start(idle, deadline=0.2)
    assert list((tmp_path / "planes").iterdir()) == []
