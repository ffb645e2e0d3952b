"""The file that tells which lab is up can be relied on, whatever became of its writer."""

import multiprocessing
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from keypool_lab.lab.standing import AlreadyUp, Standing, StateFile, state_folder, tell


def test_nothing_is_up_at_first(tmp_path: Path) -> None:
    """Neither is there anything to sweep."""
    state = StateFile(tmp_path / "keypool")
    assert (state.standing(), state.sweep()) == (None, False)


def test_others_see_what_the_holder_tells(tmp_path: Path) -> None:
    """First only that a lab is being started, then where it is; in the end nothing, and no file."""
    state, other = StateFile(tmp_path), StateFile(tmp_path)
    with state.hold() as file:
        assert (found := other.standing()) is not None
        assert not found.ready
        standing = Standing(pid=1, folder="/f", kubectl="/k", simulator_url="http://s", operator_url="http://o")
        tell(file, standing)
        assert other.standing() == standing
    assert (other.standing(), state.path.exists()) == (None, False)


def test_only_one_can_hold_it(tmp_path: Path) -> None:
    """The second one is told, and the first one is not disturbed."""
    with StateFile(tmp_path).hold():
        with pytest.raises(AlreadyUp), StateFile(tmp_path).hold():
            pass
        assert StateFile(tmp_path).standing() is not None
        assert StateFile(tmp_path).sweep() is False


def hold_for_ever(folder: Path, lab: Path, started: Connection) -> None:
    """What a holder does that will be killed."""
    with StateFile(folder).hold() as file:
        tell(file, Standing(pid=1, folder=str(lab), operator_url="http://o"))
        started.send(True)
        started.recv()


@pytest.fixture
def killed_holder(tmp_path: Path) -> Path:
    """The folder of a lab whose holder was killed; the state is in tmp_path."""
    lab = Path(tempfile.mkdtemp(prefix="keypool-"))
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    holder = multiprocessing.get_context("spawn").Process(target=hold_for_ever, args=(tmp_path, lab, theirs))
    holder.start()
    assert ours.poll(30)
    holder.kill()
    holder.join(10)
    return lab


def test_what_a_killed_holder_left_is_swept(killed_holder: Path, tmp_path: Path) -> None:
    """The file says that a lab is up, but nobody holds it: file and folder go."""
    state = StateFile(tmp_path)
    assert state.path.exists()
    assert state.standing() is None
    assert state.sweep() is True
    assert (state.path.exists(), killed_holder.exists()) == (False, False)


def test_a_sweep_removes_no_folder_but_a_labs(tmp_path: Path) -> None:
    """Whatever the file says."""
    precious = tmp_path / "keypool-precious"
    precious.mkdir()
    state = StateFile(tmp_path)
    state.path.write_text(f'{{"pid": 1, "folder": "{precious}"}}')
    assert state.sweep() is True
    assert precious.exists()


def test_parts_that_have_ended_are_named(tmp_path: Path) -> None:
    """With their exit statuses, as the keeper leaves them."""
    (tmp_path / "operator.exit").write_text("1")
    assert Standing(pid=1, folder=str(tmp_path)).ended() == {"operator": "1"}
    assert Standing(pid=1).ended() == {}


def test_the_state_is_where_the_user_keeps_state(tmp_path: Path) -> None:
    """The XDG base directory specification names the variable and its default."""
    assert state_folder({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "keypool"
    assert state_folder({}) == Path.home() / ".local" / "state" / "keypool"
