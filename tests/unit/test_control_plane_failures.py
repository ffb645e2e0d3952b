"""A control plane that cannot start says which component is to blame, shows its log, and leaves nothing behind."""

import signal
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import ControlPlane, ControlPlaneError
from keypool_lab.controlplane.keeper import Components


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


class EndsWhileLookedAt:
    """Like a Popen whose process ends just after the first look at it: `poll` holds a lock meanwhile."""

    returncode = 3

    def __init__(self) -> None:
        self.looks, self.locked = 0, False

    def poll(self) -> int | None:
        """None within another look, and at the first one, during which the signal of its end comes."""
        if self.locked:
            return None
        self.locked = True
        self.looks += 1
        if self.looks == 1:
            signal.pthread_kill(threading.get_ident(), signal.SIGCHLD)  # the keeper has no other thread
        self.locked = False
        return None if self.looks == 1 else self.returncode


def test_a_component_that_ends_while_it_is_looked_at_is_noted(tmp_path: Path) -> None:
    components = Components(tmp_path)
    components._running["etcd"] = EndsWhileLookedAt()  # type: ignore[assignment]
    before = signal.signal(signal.SIGCHLD, components.note_exits)
    try:
        components.note_exits()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (tmp_path / "etcd.exit").read_text() == "3"
