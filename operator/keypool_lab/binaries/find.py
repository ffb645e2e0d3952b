"""Where the programs are: in the folder KUBEBUILDER_ASSETS names or on PATH, in our cache, or built into it now."""

import hashlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from keypool_lab.binaries.build import build
from keypool_lab.binaries.cache import Cache
from keypool_lab.binaries.errors import BinariesError
from keypool_lab.binaries.golang import find_go
from keypool_lab.binaries.lock import exclusive
from keypool_lab.binaries.programs import KUBELET, KUBERNETES, PROGRAMS, PROMTOOL, Binaries, Program, Source

Say = Callable[[str], None]
# Builds one program at a path and verifies it there.
Make = Callable[[Program, Path], None]
# Called once, before anything is built; finds what building needs.
Prepare = Callable[[], Make]


def say_on_stderr(line: str) -> None:
    """Tell progress; standard output stays free for results."""
    print(f"keypool_lab: {line}", file=sys.stderr, flush=True)


def cache_root(environment: Mapping[str, str]) -> Path:
    """$KEYPOOL_CACHE, else keypool in $XDG_CACHE_HOME, else ~/.cache/keypool."""
    if chosen := environment.get("KEYPOOL_CACHE"):
        return Path(chosen).absolute()
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared).absolute() / "keypool"
    return Path.home() / ".cache" / "keypool"


def cache_key(source: Source) -> str:
    """Names what the programs are built from and for: other sources or another machine get another folder."""
    pinned = hashlib.sha256((source.folder / "go.mod").read_bytes()).hexdigest()[:12]
    return f"{source.version}-{sys.platform}-{platform.machine()}-{pinned}"


def assets(environment: Mapping[str, str]) -> dict[str, Path]:
    """The programs that are in the folder KUBEBUILDER_ASSETS names (the convention of controller-runtime's envtest)."""
    folder = environment.get("KUBEBUILDER_ASSETS")
    paths = {p.name: Path(folder).absolute() / p.name for p in PROGRAMS} if folder else {}
    return {name: path for name, path in paths.items() if os.access(path, os.X_OK)}


def find_or_build(say: Say = say_on_stderr) -> Binaries:
    """All programs of a control plane, built if need be: minutes the first time, under a second after that.

    Raises BinariesError.
    """
    given = assets(os.environ)
    built = _from_cache(KUBERNETES, [program for program in PROGRAMS if program.name not in given], say)
    paths = {name.replace("-", "_"): path for name, path in (built | given).items()}
    return Binaries(**paths)


def find_or_build_promtool(say: Say = say_on_stderr) -> Path:
    """Prometheus' tester of alert rules: the machine's, else built as above. Raises BinariesError."""
    on_path = shutil.which(PROMTOOL.name)
    return Path(on_path) if on_path else _from_cache(PROMTOOL.source, [PROMTOOL], say)[PROMTOOL.name]


def find_or_build_kubelet(say: Say = say_on_stderr) -> Path:
    """The kubelet of the control plane's version, built as above. Raises BinariesError."""
    return _from_cache(KUBELET.source, [KUBELET], say)[KUBELET.name]


def _from_cache(source: Source, programs: Sequence[Program], say: Say) -> dict[str, Path]:
    root = cache_root(os.environ)
    cache = Cache(root / cache_key(source))

    def prepare() -> Make:
        go = find_go(root, say)
        return lambda program, path: build(go, program, path, cache.folder / f"{program.name}.log", say)

    try:
        return provide(cache, programs, prepare, say)
    except OSError as error:
        raise BinariesError(f"the cache {root} cannot be used ({error}); KEYPOOL_CACHE names another folder") from error


def provide(cache: Cache, programs: Sequence[Program], prepare: Prepare, say: Say) -> dict[str, Path]:
    """Paths of programs in the cache; those that are not there whole are built, one after another."""
    if cache.lacking(program.name for program in programs):
        cache.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(cache.folder / ".lock", say):
            cache.sweep()
            lacking = set(cache.lacking(program.name for program in programs))  # another process may have built them
            _build_all(cache, [program for program in programs if program.name in lacking], prepare, say)
    return {program.name: cache.path(program.name) for program in programs}


def _build_all(cache: Cache, programs: Sequence[Program], prepare: Prepare, say: Say) -> None:
    if not programs:
        return
    announce(cache.folder, programs, say)
    make = prepare()
    for program in programs:
        started = time.monotonic()
        say(f"{program.name}: building")
        cache.store(program.name, partial(make, program))
        say(f"{program.name}: built in {time.monotonic() - started:.0f} s")


def announce(folder: Path, programs: Sequence[Program], say: Say) -> None:
    """Say beforehand what building costs (measured without any cache on two cores)."""
    cores = os.cpu_count() or 1
    minutes = max(1, round(sum(program.core_minutes for program in programs) / cores))
    names = ", ".join(program.name for program in programs)
    source = programs[0].source
    say(f"building {names} of {source.name} {source.version} from source, once, into {folder}")
    say(
        f"this takes up to {minutes} min on {cores} cores (seconds when Go's build cache has it), {source.costs}; that"
        " one may be emptied later"
    )
