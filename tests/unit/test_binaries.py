"""The programs of a control plane are found, or built once; a program that is not whole is never used."""

import threading
from functools import partial
from pathlib import Path

import pytest

from keypool_lab.binaries import BinariesError, find_or_build, find_or_build_kubelet, find_or_build_promtool
from keypool_lab.binaries.cache import Cache
from keypool_lab.binaries.find import Make, cache_key, cache_root, provide
from keypool_lab.binaries.lock import exclusive
from keypool_lab.binaries.programs import KUBELET, KUBERNETES, PROGRAMS, PROMETHEUS, PROMTOOL, Program

ETCD, *_ = PROGRAMS
WAIT = 10.0


def script(path: Path, text: str = "exit 0") -> None:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class Builder:
    """Stands in for the Go compiler: counts what it is asked to build and writes small scripts."""

    def __init__(self) -> None:
        self.built: list[str] = []

    def prepare(self) -> Make:
        return self._make

    def _make(self, program: Program, path: Path) -> None:
        self.built.append(program.name)
        script(path)


def ignore(line: str) -> None:
    """Tell nobody."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def builder() -> Builder:
    return Builder()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Cache]:
    """A folder for KUBEBUILDER_ASSETS, and the cache that `find_or_build` uses."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "assets", Cache(tmp_path / "cache" / cache_key(KUBERNETES))


def test_what_is_missing_is_built_one_after_another(cache: Cache, builder: Builder) -> None:
    """All programs are there afterwards, in the order in which they are listed."""
    paths = provide(cache, PROGRAMS, builder.prepare, ignore)
    assert builder.built == [program.name for program in PROGRAMS]
    assert all(path.read_text().startswith("#!") for path in paths.values())


def test_what_is_there_is_not_built_again(cache: Cache, builder: Builder) -> None:
    """The second call builds nothing."""
    provide(cache, PROGRAMS, builder.prepare, ignore)
    provide(cache, PROGRAMS, builder.prepare, ignore)
    assert len(builder.built) == len(PROGRAMS)


def test_the_cost_is_told_before_anything_is_built(cache: Cache, builder: Builder) -> None:
    """Time, memory and disk are announced first."""
    told: list[tuple[str, int]] = []
    provide(cache, PROGRAMS, builder.prepare, lambda line: told.append((line, len(builder.built))))
    announced = " ".join(line for line, built in told if not built)
    assert all(word in announced for word in ("min on", "GB of memory", "on disk"))


def test_a_damaged_program_is_built_again(cache: Cache, builder: Builder) -> None:
    """A program whose checksum no longer fits is replaced, and only that one."""
    provide(cache, PROGRAMS, builder.prepare, ignore)
    with cache.path("kubectl").open("a") as file:
        file.write("damage")
    builder.built.clear()
    provide(cache, PROGRAMS, builder.prepare, ignore)
    assert builder.built == ["kubectl"]
    assert "damage" not in cache.path("kubectl").read_text()


def test_a_program_without_checksum_is_not_believed(cache: Cache, builder: Builder) -> None:
    """This is how a copy that was cut short, or somebody else's file, looks."""
    script(cache.path(ETCD.name))
    provide(cache, [ETCD], builder.prepare, ignore)
    assert builder.built == [ETCD.name]


def test_a_failed_build_leaves_no_program(cache: Cache, builder: Builder) -> None:
    """A build that fails after it has written something is not taken for done, and can be repeated."""

    def fail_late(program: Program, path: Path) -> None:
        script(path)
        raise BinariesError("no luck")

    with pytest.raises(BinariesError, match="no luck"):
        provide(cache, [ETCD], lambda: fail_late, ignore)
    assert [path.name for path in cache.folder.iterdir()] == [".lock"]
    provide(cache, [ETCD], builder.prepare, ignore)
    assert builder.built == [ETCD.name]


def test_leftovers_of_a_killed_build_are_swept(cache: Cache, builder: Builder) -> None:
    """A builder that was killed had no chance to remove its unfinished file; the next one does."""
    leftover = cache.folder / ".kubectl.12345.partial"
    script(leftover)
    provide(cache, [ETCD], builder.prepare, ignore)
    assert not leftover.exists()


def test_two_at_once_build_once(cache: Cache, builder: Builder) -> None:
    """The second waits for the first, says so, and uses what the first has built."""
    first_is_building, second_waits = threading.Event(), threading.Event()

    def make_slowly(program: Program, path: Path) -> None:
        first_is_building.set()
        assert second_waits.wait(WAIT)
        script(path)

    def hear(line: str) -> None:
        if "waiting for another process" in line:
            second_waits.set()

    first = threading.Thread(target=partial(provide, cache, [ETCD], lambda: make_slowly, ignore))
    first.start()
    assert first_is_building.wait(WAIT)
    provide(cache, [ETCD], builder.prepare, hear)
    first.join(WAIT)
    assert second_waits.is_set()
    assert builder.built == []


def test_waiting_for_another_builder_has_an_end(tmp_path: Path) -> None:
    """After the deadline one is told what to do."""
    with (
        exclusive(tmp_path / "lock", ignore),
        pytest.raises(BinariesError, match="end it"),
        exclusive(tmp_path / "lock", ignore, wait_seconds=0),
    ):
        pass


def test_kubebuilder_assets_are_used_as_they_are(places: tuple[Path, Cache]) -> None:
    """Nothing is built, or even looked for in the cache, when that folder has everything."""
    assets, cache = places
    for program in PROGRAMS:
        script(assets / program.name)
    found = find_or_build(ignore)
    assert found.kube_apiserver == assets / "kube-apiserver"
    assert not cache.folder.exists()


def test_what_kubebuilder_assets_lack_comes_from_the_cache(places: tuple[Path, Cache], builder: Builder) -> None:
    """envtest's own folder has no kube-controller-manager."""
    assets, cache = places
    script(assets / "etcd")
    provide(cache, PROGRAMS[1:], builder.prepare, ignore)
    found = find_or_build(ignore)
    assert found.etcd == assets / "etcd"
    assert found.kube_controller_manager == cache.path("kube-controller-manager")


def test_the_machines_promtool_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built where there is one."""
    script(tmp_path / "promtool")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_or_build_promtool(ignore) == tmp_path / "promtool"


def test_promtool_comes_from_the_cache_where_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder: Builder
) -> None:
    """In a folder of its own, since it is built from sources of its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path / "cache"))
    cache = Cache(tmp_path / "cache" / cache_key(PROMETHEUS))
    provide(cache, [PROMTOOL], builder.prepare, ignore)
    assert find_or_build_promtool(ignore) == cache.path("promtool")


def test_the_kubelet_has_a_folder_of_its_own_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder: Builder
) -> None:
    """Who runs no pods does not build it, and the control plane's programs stay where they are."""
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path / "cache"))
    cache = Cache(tmp_path / "cache" / cache_key(KUBELET.source))
    assert cache_key(KUBELET.source) != cache_key(KUBERNETES)
    provide(cache, [KUBELET], builder.prepare, ignore)
    assert find_or_build_kubelet(ignore) == cache.path("kubelet")


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable that chooses another folder."""
    (tmp_path / "file").touch()
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("KEYPOOL_CACHE", str(tmp_path / "file"))
    with pytest.raises(BinariesError, match="KEYPOOL_CACHE"):
        find_or_build(ignore)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KEYPOOL_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/keypool")),
        ({}, Path.home() / ".cache" / "keypool"),
    ],
)
def test_the_cache_is_where_it_is_asked_for(environment: dict[str, str], expected: Path) -> None:
    """Our own variable first, then the desktop standard's, then its default."""
    assert cache_root(environment) == expected
