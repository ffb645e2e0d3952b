"""`python -m keypool_lab` as a user runs it, with all that it leaves on disk under one folder of the test's own."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 180.0


class LabCommands:
    """`temporary` takes the labs' own folders, `state` what tells which lab is up."""

    def __init__(self, folder: Path) -> None:
        self.temporary, self.state = folder / "tmp", folder / "state"
        self.temporary.mkdir()
        self.environment = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "XDG_STATE_HOME": str(self.state),
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "keypool_lab", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            env=self.environment,
            check=False,
        )

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        """Start a command; its output can be read."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "keypool_lab",
            *args,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
        )

    def left(self) -> list[str]:
        """Processes that run in a lab's folder, and such folders, and what says that a lab is up."""
        files = [*self.temporary.glob("keypool-*"), *self.state.rglob("lab.*")]
        return [*_processes(self.temporary), *map(str, files)]


@contextmanager
def lab_commands() -> Iterator[LabCommands]:
    """Commands with a folder of their own; its path is short, because sockets are in it. Afterwards no lab is up."""
    with tempfile.TemporaryDirectory(prefix="kp-", dir="/tmp") as folder:
        commands = LabCommands(Path(folder))
        try:
            yield commands
        finally:
            if commands.left():
                commands.run("down")


async def read_until(process: asyncio.subprocess.Process, text: str, seconds: float = LONGEST) -> str:
    """What a process writes up to the first line with this text."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(seconds):
        async for line in process.stdout:
            lines.append(line.decode())
            if text in lines[-1]:
                return "".join(lines)
    raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")


def exported(output: str) -> dict[str, str]:
    """The variables that `up` tells one to export."""
    found = dict(re.findall(r"^ *export (\w+)=(\S+)", output, re.MULTILINE))
    return {name: value.replace('"$PATH":', "") for name, value in found.items()}


def _processes(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(f"{folder}{os.sep}"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
