"""A mounted Secret changes the way a kubelet changes it."""

import os
from pathlib import Path

from keypool_lab.demo.mount import Mount


def names(folder: Path) -> set[str]:
    """What a pod lists."""
    return {path.name for path in folder.iterdir() if not path.name.startswith("..")}


def test_entries_are_links_into_one_version(tmp_path: Path) -> None:
    """`apiKey -> ..data/apiKey`, `..data -> ..<time>`."""
    mount = Mount(tmp_path / "mount")
    mount.write({"apiKey": b"one"})
    assert os.readlink(mount.folder / "apiKey") == "..data/apiKey"
    assert os.readlink(mount.folder / "..data").startswith("..20")
    assert (mount.folder / "apiKey").read_bytes() == b"one"


def test_a_change_is_seen_as_a_whole_and_the_old_version_goes(tmp_path: Path) -> None:
    """Both entries are new after the swap, one entry is gone, and nothing else is left."""
    mount = Mount(tmp_path / "mount")
    mount.write({"apiKey": b"one", "old": b""})
    mount.write({"apiKey": b"two", "baseURL": b"there"})
    assert names(mount.folder) == {"apiKey", "baseURL"}
    assert (mount.folder / "apiKey").read_bytes() == b"two"
    assert len(list(mount.folder.glob("..20*"))) == 1


def test_an_unchanged_secret_is_not_written_again(tmp_path: Path) -> None:
    """A pod that watches its folder is not woken for nothing."""
    mount = Mount(tmp_path / "mount")
    mount.write({"apiKey": b"one"})
    before = os.readlink(mount.folder / "..data")
    mount.write({"apiKey": b"one"})
    assert os.readlink(mount.folder / "..data") == before


def test_a_pod_may_start_once_there_is_something(tmp_path: Path) -> None:
    """Not before."""
    mount = Mount(tmp_path / "mount")
    assert not mount.filled.is_set()
    mount.write({"apiKey": b"one"})
    assert mount.filled.is_set()
