"""The SDKs, each kind in a folder of the cache of its own: never in the environment that runs the operator or tests."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keypool_lab.binaries import BinariesError
from keypool_lab.binaries.find import Say, cache_root, say_on_stderr
from keypool_lab.binaries.golang import find_go, go_environment
from keypool_lab.gateways.installing import REQUIREMENTS, complete, install, place, step, virtual_environment

PROGRAMS = Path(__file__).parent / "programs"
GO_PROGRAM = "openai-go"


@dataclass(frozen=True, slots=True)
class Kit:
    """SDKs that are installed together. `sources` pin what is installed; `tool` is the program that it takes."""

    name: str
    sources: tuple[Path, ...]
    make: Callable[[Path, Say], None]
    tool: str = ""
    tool_is: str = ""

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return place(f"sdk-{self.name}", self.sources)

    def lacking(self) -> str | None:
        """The tool that is missing on this machine."""
        return f"no {self.tool}: install {self.tool_is}" if self.tool and shutil.which(self.tool) is None else None

    def at_hand(self) -> bool:
        """Whether it is installed."""
        return complete(self.folder)

    def installed(self, say: Say = say_on_stderr) -> Path:
        """Its folder, installed if need be. Raises BinariesError."""
        name = f"SDKs, {self.name}"
        return install(name, self.folder, lambda to: self.make(to, say), say)


def _python(lock: Path) -> Callable[[Path, Say], None]:
    return lambda to, say: virtual_environment(lock.stem, to, lock, say)


def _node(to: Path, say: Say) -> None:
    for file in NODE_FILES:
        shutil.copy(file, to)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    step("SDKs for Node.js", to, [shutil.which("npm") or "npm", "ci", "--prefix", str(to), *quiet], say)


def _go(to: Path, say: Say) -> None:
    for file in GO_FILES:
        shutil.copy(file, to)
    go = find_go(cache_root(os.environ), say)
    argv = [str(go), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", GO_PROGRAM, "."]
    step("SDK for Go", to, argv, say, go_environment())


NODE_FILES = (PROGRAMS / "package.json", PROGRAMS / "package-lock.json")
GO_FILES = tuple(PROGRAMS / "go" / name for name in ("go.mod", "go.sum", "main.go"))
LOCKS = {"python": REQUIREMENTS / "sdks.txt", "python-before": REQUIREMENTS / "openai-before.txt"}
KITS: Mapping[str, Kit] = {
    **{name: Kit(name, (lock,), _python(lock)) for name, lock in LOCKS.items()},
    "node": Kit("node", NODE_FILES, _node, "npm", "Node.js 20 or newer, with npm"),
    "go": Kit("go", GO_FILES, _go, "go", "Go 1.26 or newer"),
}


def main() -> int:
    """`python -m tests.sdk.installed`: before pytest, which would hide the progress."""
    for kit in KITS.values():
        if lacking := kit.lacking():
            sys.stderr.write(f"The tests of SDKs for {kit.name} will be skipped: {lacking}\n")
            continue
        try:
            kit.installed()
        except BinariesError as error:
            sys.stderr.write(f"{error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
