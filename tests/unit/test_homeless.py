"""What the operator asks the machine for, where it has no answer: the user's name and home, and a folder for files."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from keypool.cluster.connection import Connection, NoCluster
from keypool.cluster.home import ensure_home, scratch_folder

NAMELESS = """
import pwd
def unknown(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = unknown
"""


def run_nameless(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code as somebody whom no passwd file names, with this environment and no other."""
    command = [sys.executable, "-c", NAMELESS + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_operator_is_imported_where_nobody_has_a_home() -> None:
    """Its libraries look for one while they are imported."""
    run = run_nameless("import keypool.app, os; print(os.environ['HOME'])")
    assert (run.stdout.strip(), run.stderr) == ("/", "")


def test_a_home_that_there_is_stays() -> None:
    run = run_nameless("import keypool.app, os; print(os.environ['HOME'])", HOME="/somewhere")
    assert run.stdout.strip() == "/somewhere"


def test_without_a_cluster_it_says_so_and_ends() -> None:
    """No traceback: the file that is missing."""
    code = "import sys, keypool.__main__ as m; sys.argv = ['keypool']; sys.exit(m.main())"
    run = run_nameless(code, KEYPOOL_HTTP_PORT="0")
    assert run.returncode == 1
    assert "there is no kubeconfig at /.kube/config" in run.stderr
    assert "Traceback" not in run.stderr


def test_help_is_printed_without_an_environment() -> None:
    run = run_nameless("import sys, keypool.__main__ as m; sys.argv = ['keypool', '--help']; sys.exit(m.main())")
    assert (run.returncode, run.stderr) == (0, "")


async def test_a_kubeconfig_in_the_home_of_an_unknown_user_is_a_missing_one() -> None:
    with pytest.raises(NoCluster, match="no kubeconfig at ~nobody-of-that-name/config"):
        await Connection.load("~nobody-of-that-name/config")


async def test_a_pod_without_a_service_accounts_token_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    with pytest.raises(NoCluster, match="set automountServiceAccountToken: true"):
        await Connection.load()


def test_files_go_to_shared_memory_where_no_other_folder_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a read-only file system. (kubernetes writes a kubeconfig's certificates to files.)"""
    assert scratch_folder() is None

    def unusable() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", unusable)
    assert scratch_folder() == "/dev/shm"  # noqa: S108


def test_a_home_is_made_up_only_where_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_home()
    assert os.environ["HOME"] == str(tmp_path)
