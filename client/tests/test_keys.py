"""The mounted folder is read as the kubelet writes it: whole versions, and the last good one when a new one is not."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from keypool_client.keys import Folder, Pools, default_folder


def accounts(pools: Pools | None) -> list[str]:
    assert pools is not None
    return [pool.account for pool in pools.pools]


def test_a_folder_is_read_once_and_again_when_it_is_exchanged(mounted: Any, file: Any) -> None:
    mounted.write({"keys.json": file(account="a")})
    folder = Folder(mounted.path)
    assert accounts(folder.look()) == ["a"]
    assert folder.look() is None
    mounted.write({"keys.json": file(account="b")})
    assert accounts(folder.look()) == ["b"]
    assert folder.now.troubles == ()


def test_an_exchange_without_a_change_is_no_change(mounted: Any, file: Any) -> None:
    folder = Folder(mounted.path)
    mounted.write({"keys.json": file()})
    assert folder.look() is not None
    mounted.write({"keys.json": file()})
    assert folder.look() is None


def test_several_pools_come_in_the_order_of_their_folders(mounted: Any, file: Any) -> None:
    mounted.write({"1/keys.json": file(account="b", pool="t/b"), "0/keys.json": file(account="a", pool="t/a")})
    assert accounts(Folder(mounted.path).look()) == ["a", "b"]


BAD = {"empty": b"", "cut off": b'{"version": 1', "newer": b'{"version": 2}', "no object": b"[]"}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_version_keeps_the_last_good_one_and_says_so(bad: bytes, mounted: Any, file: Any) -> None:
    folder = Folder(mounted.path)
    mounted.write({"keys.json": file(account="a")})
    folder.look()
    mounted.write({"keys.json": bad})
    found = folder.look()
    assert accounts(found) == ["a"]
    assert found is not None
    assert "keys.json: " in found.troubles[0]
    assert "what it said last is used" in found.troubles[0]
    assert folder.look() is None
    mounted.write({"keys.json": file(account="b")})
    assert accounts(folder.look()) == ["b"]


def test_one_bad_file_does_not_keep_another_pool_from_its_new_keys(mounted: Any, file: Any) -> None:
    folder = Folder(mounted.path)
    mounted.write({"0/keys.json": file(account="a", pool="t/a"), "1/keys.json": file(account="b", pool="t/b")})
    folder.look()
    mounted.write({"0/keys.json": file(account="c", pool="t/a"), "1/keys.json": b""})
    assert accounts(folder.look()) == ["c", "b"]


def test_a_folder_may_appear_late_and_vanish(mounted: Any, file: Any) -> None:
    folder = Folder(mounted.path)
    first = folder.look()
    assert first is not None
    assert first.pools == ()
    assert "is not there" in first.troubles[0]
    mounted.write({"keys.json": file(account="a")})
    assert accounts(folder.look()) == ["a"]
    os.rename(mounted.path, mounted.path.with_name("elsewhere"))
    gone = folder.look()
    assert accounts(gone) == ["a"]
    assert gone is not None
    assert "what was read last is used" in gone.troubles[0]
    os.rename(mounted.path.with_name("elsewhere"), mounted.path)
    back = folder.look()
    assert back is not None
    assert back.troubles == ()


def test_a_file_that_vanishes_is_told_and_its_keys_stay(mounted: Any, file: Any) -> None:
    folder = Folder(mounted.path)
    mounted.write({"0/keys.json": file(account="a", pool="t/a"), "1/keys.json": file(account="b", pool="t/b")})
    folder.look()
    mounted.write({"0/keys.json": file(account="a", pool="t/a")})
    found = folder.look()
    assert accounts(found) == ["a", "b"]
    assert found is not None
    assert "1/keys.json: is not there any more; what it said last is used" in found.troubles[0]


def test_another_secret_in_the_folder_is_told(mounted: Any) -> None:
    mounted.write({"apiKey": b"sk-canary"})
    found = Folder(mounted.path).look()
    assert found is not None
    assert "holds no keys.json; mount the Secret POOL-relay there" in found.troubles[0]


def test_a_plain_folder_is_read_too_and_a_half_written_file_waits(tmp_path: Path, file: Any) -> None:
    (tmp_path / "keys.json").write_bytes(file(account="a"))
    folder = Folder(tmp_path)
    assert accounts(folder.look()) == ["a"]
    assert folder.look() is None
    whole = file(account="longer")
    (tmp_path / "keys.json").write_bytes(whole[:50])
    assert accounts(folder.look()) == ["a"]
    (tmp_path / "keys.json").write_bytes(whole)
    assert accounts(folder.look()) == ["longer"]


def test_what_is_no_regular_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys.json")
    found = Folder(tmp_path).look()
    assert found is not None
    assert "is no file" in found.troubles[0]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    found = Folder(tmp_path / "keys").look()
    assert found is not None
    assert "is no folder" in found.troubles[0]


def test_a_file_without_end_is_read_up_to_its_bound(tmp_path: Path) -> None:
    with (tmp_path / "keys.json").open("wb") as large:
        large.truncate(1 << 34)
    found = Folder(tmp_path).look()
    assert found is not None
    assert "larger than" in found.troubles[0]


def test_two_folders_with_one_pool_are_told(mounted: Any, file: Any) -> None:
    mounted.write({"0/keys.json": file(), "1/keys.json": file()})
    found = Folder(mounted.path).look()
    assert found is not None
    assert "pool team-a/chat is there twice" in found.troubles[0]


def test_files_of_two_versions_are_never_mixed(mounted: Any, file: Any) -> None:
    """The folder is exchanged all the time, by somebody else, while it is read."""
    ends = threading.Event()

    def exchange() -> None:
        version = 0
        while not ends.is_set():
            version += 1
            mounted.write({f"{name}/keys.json": file(account=f"v{version}", pool=f"t/p{name}") for name in range(4)})

    mounted.write({f"{name}/keys.json": file(account="v0", pool=f"t/p{name}") for name in range(4)})
    writer = threading.Thread(target=exchange)
    writer.start()
    try:
        folder = Folder(mounted.path)
        for _ in range(300):
            folder.look()
            assert len({pool.account for pool in folder.now.pools}) <= 1
    finally:
        ends.set()
        writer.join()
    folder.look()
    assert folder.now.troubles == ()
    assert len(folder.now.pools) == 4


def test_the_environment_names_the_folder() -> None:
    assert str(default_folder({})) == "/var/run/keypool"
    assert str(default_folder({"KEYPOOL_FOLDER": "/keys"})) == "/keys"
