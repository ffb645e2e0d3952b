"""What the real gateways need is found on the machine, else installed once, and only what is whole counts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keypool_lab.binaries import BinariesError
from keypool_lab.gateways import GatewayError, litellm, postgres_programs
from keypool_lab.gateways.installing import install, place
from keypool_lab.gateways.postgres_programs import NEEDED, programs, reachable, usable
from keypool_lab.gateways.server import Server


def quiet(line: str) -> None:
    """Nobody listens."""


def write(folder: Path) -> None:
    """An installation of one file."""
    (folder / "program").write_text("whole")


def fail(folder: Path) -> None:
    """An installation that breaks off half-way."""
    (folder / "program").write_text("half")
    raise BinariesError("the network is gone")


def programs_in(folder: Path) -> Path:
    """Files as PostgreSQL's programs have."""
    folder.mkdir(parents=True)
    for name in NEEDED:
        (folder / name).touch(mode=0o755)
    return folder


def test_it_is_installed_once(tmp_path: Path) -> None:
    """The second time nothing is made."""
    folder = install("thing", tmp_path / "cache" / "thing-1", write, quiet)
    assert (install("thing", folder, fail, quiet) / "program").read_text() == "whole"


def test_a_broken_installation_counts_for_nothing(tmp_path: Path) -> None:
    """It is told, and made anew the next time."""
    with pytest.raises(BinariesError, match="network is gone"):
        install("thing", tmp_path / "thing-1", fail, quiet)
    assert (install("thing", tmp_path / "thing-1", write, quiet) / "program").read_text() == "whole"


def test_those_who_come_at_once_get_the_same(tmp_path: Path) -> None:
    """One of them installs, the others wait."""
    made: list[Path] = []
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: install("thing", tmp_path / "thing-1", made.append, quiet), range(4)))
    assert made == [tmp_path / "thing-1"]


def test_a_cache_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """With the variable that names another."""
    (tmp_path / "file").touch()
    with pytest.raises(BinariesError, match="KEYPOOL_CACHE"):
        install("thing", tmp_path / "file" / "thing-1", write, quiet)


def test_other_requirements_are_installed_elsewhere(tmp_path: Path) -> None:
    """So another branch of the project does not disturb this one."""
    lock = tmp_path / "lock.txt"
    lock.write_text("a==1")
    before = place("thing", [lock])
    lock.write_text("a==2")
    assert place("thing", [lock]) != before


def test_postgresql_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any that is looked for elsewhere."""
    folder = programs_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    assert programs(quiet) == folder


def test_half_a_postgresql_is_none(tmp_path: Path) -> None:
    """Clients alone are often installed."""
    folder = programs_in(tmp_path / "bin")
    (folder / "initdb").unlink()
    assert not usable(folder)


def test_without_any_postgresql_one_learns_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the package that carries one cannot be installed either."""
    monkeypatch.setattr(postgres_programs, "_folders", lambda: iter(()))
    monkeypatch.setattr(postgres_programs, "virtual_environment", lambda name, folder, lock, say: fail(folder))
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path))
    with pytest.raises(BinariesError, match=r"install your system's package postgresql.*network is gone"):
        programs(lambda line: None)


def test_installed_programs_are_copied_with_their_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user than root does not see root's cache."""
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path / "cache"))
    folder = programs_in(tmp_path / "cache" / "site-packages" / "carrier" / "pginstall" / "bin")
    (tmp_path / "cache" / "site-packages" / "carrier.libs").mkdir()
    assert usable(reachable(folder, tmp_path / "copy"))
    assert (tmp_path / "copy" / "carrier.libs").is_dir()


def test_without_litellm_one_learns_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not installed by the way: that takes minutes."""
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path))
    with pytest.raises(GatewayError, match="make test-all"):
        litellm.schema()


class Ending(Server):
    """A server that ends at once, and says why."""

    name = "ending"

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """A shell that complains."""
        return ["/bin/sh", "-c", "echo no such database >&2; exit 3"], {}

    def ready(self) -> bool:
        """Never."""
        return False


def test_a_server_that_ends_at_once_is_told_with_its_log() -> None:
    """And its folder is gone."""
    server = Ending()
    with pytest.raises(GatewayError, match=r"ended with status 3.*\n.*no such database"):
        server.start()
    assert not server.folder.exists()
