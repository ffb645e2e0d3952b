"""The lab's commands start quickly, and `up` tells what can be typed as it stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from keypool_lab.commands.up import _in_background
from keypool_lab.lab import LabError, background
from keypool_lab.lab.standing import Standing, StateFile, tell
from keypool_lab.lab.usage import usage
from keypool_lab.narrator import Narrator
from keypool_lab.simulator.outside import KEY_CHANGES

WIDEST = 100


@pytest.fixture
def told(tmp_path: Path) -> str:
    """What `up` tells of a lab in a folder with an ordinary name."""
    (tmp_path / "operator.pid").write_text("4711")
    standing = Standing(
        pid=1,
        folder=str(tmp_path),
        kubectl="/home/someone/.cache/keypool/kubectl",
        simulator_url="http://127.0.0.1:54321/v1",
        operator_url="http://127.0.0.1:54322",
    )
    return usage(standing, ".venv/bin/python").replace(str(tmp_path), "/var/tmp/keypool-0123abcd")  # noqa: S108 - only a name


def test_commands_load_no_client_before_they_need_one() -> None:
    """These packages take three times as long to import as everything else together."""
    code = "import sys, keypool_lab.__main__ as _; print({'aiohttp', 'kubernetes', 'kopf'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "set()"


def test_up_ends_no_lab_although_parts_of_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster without its data store is of no use, but what to do with it is for people to say."""
    (tmp_path / "etcd.exit").write_text("-9")
    (tmp_path / "operator.exit").write_text("1")
    monkeypatch.setattr(background, "stop", pytest.fail)
    state = StateFile(tmp_path / "state")
    with state.hold() as file:
        tell(file, Standing(pid=1, folder=str(tmp_path), operator_url="http://o"))
        with pytest.raises(LabError, match=r"etcd ended by themselves.*by `down`; then `up` starts another"):
            _in_background(state, Narrator())


def test_calls_of_the_simulator_fit_into_a_terminal(told: str) -> None:
    calls = [line for line in told.splitlines() if "curl" in line or "LAB=" in line or "HEADER=" in line]
    assert len(calls) >= 5
    assert all(len(line) <= WIDEST for line in calls)


def test_one_learns_how_to_take_a_key_away_behind_keypools_back(told: str) -> None:
    assert '"$LAB/keys/newest/delete"' in told
    assert all(change in told for change in KEY_CHANGES)
