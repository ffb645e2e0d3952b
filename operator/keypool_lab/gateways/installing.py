"""What is installed once, into a folder of the cache that is named after all that it is made from."""

import hashlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from keypool_lab.binaries import BinariesError
from keypool_lab.binaries.commands import run_logged
from keypool_lab.binaries.find import Say, cache_root
from keypool_lab.binaries.lock import exclusive

REQUIREMENTS = Path(__file__).parents[3] / "requirements"
COMPLETE = ".complete"
INSTALL_SECONDS = 900.0


def place(name: str, sources: Iterable[Path]) -> Path:
    """The folder of an installation: other sources, another Python or another machine get another one."""
    digest = hashlib.sha256(platform.python_version().encode())
    for source in sources:
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    key = f"{name}-{sys.platform}-{platform.machine()}-{digest.hexdigest()[:12]}"
    return cache_root(os.environ) / "gateways" / key


def complete(folder: Path) -> bool:
    """Whether an installation was finished there."""
    return (folder / COMPLETE).exists()


def install(name: str, folder: Path, make: Callable[[Path], None], say: Say) -> Path:
    """The folder, after `make` has filled it if need be; one process at a time does.

    Raises BinariesError when it fails; what is unfinished counts for nothing and is made anew the next time.
    """
    if complete(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(folder.parent / f".{name}.lock", say):
            if not complete(folder):
                _make(name, folder, make, say)
    except OSError as error:
        raise BinariesError(f"{folder} cannot be used ({error}); KEYPOOL_CACHE names another folder") from error
    return folder


def _make(name: str, folder: Path, make: Callable[[Path], None], say: Say) -> None:
    started = time.monotonic()
    say(f"{name}: installing, once, into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    make(folder)
    (folder / COMPLETE).touch()
    say(f"{name}: installed in {time.monotonic() - started:.0f} s")


def virtual_environment(name: str, folder: Path, lock: Path, say: Say) -> None:
    """Make `FOLDER/venv` with what a lock file pins. Raises BinariesError."""
    python = folder / "venv" / "bin" / "python"
    step(name, folder, [sys.executable, "-m", "venv", str(folder / "venv")], say)
    options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"]
    step(name, folder, [str(python), "-m", "pip", "install", *options, "--requirement", str(lock)], say)


def step(name: str, folder: Path, argv: list[str], say: Say, environment: dict[str, str] | None = None) -> None:
    """Run one command of an installation in its folder; it is logged there. Raises BinariesError."""
    log = folder / f"{Path(argv[0]).name}.log"
    run_logged(
        name,
        argv,
        log=log,
        say=say,
        deadline=INSTALL_SECONDS,
        environment={**os.environ, **environment} if environment else None,
        folder=folder,
    )
