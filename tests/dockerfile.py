"""The Dockerfile: what it says, and its build stage carried out in a folder, without a container."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
INSTRUCTIONS = re.findall(r"^([A-Z]+) (.*)$", TEXT, re.MULTILINE)
BUILD_STAGE, RELAY_BUILD_STAGE, RELAY_STAGE, FINAL_STAGE = (
    re.findall(r"^([A-Z]+) (.*)$", stage, re.MULTILINE) for stage in re.split(r"^FROM ", TEXT, flags=re.M)[1:]
)
TOOLS = next(step for step in BUILD_STAGE if step[0] == "RUN")
PREFIX = "/opt/keypool"
SECONDS = 300


def install(folder: Path, stage: Sequence[tuple[str, str]] = BUILD_STAGE, before: Path | None = None) -> Path:
    """Carry out a build stage in `folder`, with pip's cache; returns the folder that the image takes over. `before`:
    where another stage was, whose tools serve this one, too, where they were made by the same step."""
    prefix, path = folder / "installed", f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_COMPILE": "0"}
    build = folder / "build"
    build.mkdir()
    for instruction, arguments in stage:
        if instruction == "COPY":
            _copy(arguments, build)
        elif instruction == "RUN" and before is not None and (instruction, arguments) == TOOLS:
            (build / "tools").symlink_to(before / "build" / "tools")
        elif instruction == "RUN":
            command = ["/bin/sh", "-ec", arguments.replace(PREFIX, str(prefix))]
            run = subprocess.run(
                command, cwd=build, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
            assert run.returncode == 0, run.stdout + run.stderr
    return prefix


def _copy(arguments: str, folder: Path) -> None:
    *sources, target = shlex.split(arguments)
    for source in sources:
        origin = ROOT / source
        if origin.is_dir():
            shutil.copytree(origin, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            destination = folder / target / origin.name
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, destination)
