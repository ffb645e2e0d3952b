"""The cache of built programs: a program counts only together with a checksum that fits.

A program comes into being under another name and is renamed when it is whole and verified, its checksum before it. So
whatever is interrupted, by a crash or a full disk, leaves a program without a fitting checksum, which is built again.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Cache:
    """Programs in one folder, each with `NAME.sha256` beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the program is, or will be."""
        return self.folder / name

    def whole(self, name: str) -> bool:
        """Whether the program is there, executable, and equal to what was stored."""
        program = self.path(name)
        try:
            return os.access(program, os.X_OK) and self._sum_path(name).read_text().split()[0] == checksum(program)
        except (OSError, IndexError):
            return False

    def lacking(self, names: Iterable[str]) -> list[str]:
        """Those programs that are not there whole; checked side by side (hashing releases the interpreter's lock)."""
        names = list(names)
        with ThreadPoolExecutor() as pool:
            return [name for name, whole in zip(names, pool.map(self.whole, names), strict=True) if not whole]

    def store(self, name: str, make: Callable[[Path], None]) -> None:
        """Let `make` write the program to a path it is given and verify it there, then put it in its place.

        Whatever `make` raises leaves the cache without that program.
        """
        self.path(name).unlink(missing_ok=True)
        partial = self.folder / f".{name}.{os.getpid()}.partial"
        try:
            make(partial)
            self._put(f"{name}.sha256", f"{checksum(partial)}  {name}\n")
            partial.replace(self.path(name))
        finally:
            partial.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed builds left. Only while holding the lock."""
        for leftover in self.folder.glob(".*.partial"):
            leftover.unlink(missing_ok=True)

    def _sum_path(self, name: str) -> Path:
        return self.folder / f"{name}.sha256"

    def _put(self, name: str, text: str) -> None:
        partial = self.folder / f".{name}.{os.getpid()}.partial"
        partial.write_text(text)
        partial.replace(self.folder / name)
