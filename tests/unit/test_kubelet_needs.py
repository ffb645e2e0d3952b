"""Where no kubelet can run, one learns what to install; what lets pip fetch stays out of the image."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dockerfile import ROOT
from tests.kubelet import needs
from tests.kubelet.image import pip_settings, sources


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    needs.missing.cache_clear()


def test_a_kubelet_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in needs.missing()


def test_lacking_packages_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(needs, "_there", lambda program: program not in {"buildah", "runc"})
    assert needs.missing() == "apt-get install --no-install-recommends buildah runc"


def test_continuous_integration_installs_what_the_script_prints(tmp_path: Path) -> None:
    """With the machine's own Python, before there is a .venv."""
    script = ROOT / "tests" / "kubelet" / "needs.py"
    run = subprocess.run(
        [sys.executable, "-I", "-S", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert {"containerd", "runc", "buildah", "debootstrap"} <= set(run.stdout.split())
    assert "python3 tests/kubelet/needs.py" in (ROOT / ".ci" / "run").read_text()


def test_pips_settings_are_mounted_while_the_image_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is mounted is in no layer."""
    monkeypatch.setenv("PIP_CERT", "/somewhere/authority.pem")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    options = pip_settings(tmp_path / "pip.conf")
    assert f"--volume={tmp_path}/pip.conf:/etc/pip.conf:ro" in options
    assert "--volume=/somewhere/authority.pem:/somewhere/authority.pem:ro" in options
    lines = (tmp_path / "pip.conf").read_text().splitlines()
    assert {"cert = /somewhere/authority.pem", "index-url = https://index.example/simple"} <= set(lines)


def test_the_images_are_made_anew_when_a_file_that_goes_into_them_changes(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    (tmp_path / ".dockerignore").write_text("*\n!code\n!README.md\n**/__pycache__\n")
    (tmp_path / "README.md").write_text("keypool")
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("1")
    seen = [sources(tmp_path)]
    (tmp_path / "code" / "__pycache__" / "a.pyc").write_text("compiled")
    (tmp_path / "notes.txt").write_text("not in the image")
    assert sources(tmp_path) == seen[0]
    for name in ("code/a.py", "code/b.py", "Dockerfile", "README.md"):
        (tmp_path / name).write_text("2")
        seen.append(sources(tmp_path))
    assert len(set(seen)) == 5
