"""Build one program from the Go modules that go.mod and go.sum pin, and see whether it runs."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from keypool_lab.binaries.commands import run_logged
from keypool_lab.binaries.errors import build_failed
from keypool_lab.binaries.golang import go_environment
from keypool_lab.binaries.programs import Program

BUILD_SECONDS = 3600.0
VERSION_SECONDS = 60.0


def build_argv(go: Path, program: Program, output: Path) -> list[str]:
    """The command that builds a program, with the version numbers that a release carries."""
    stamps = " ".join(f"-X {variable}={value}" for variable, value in program.source.stamps.items())
    options = ["-v", "-mod=readonly", "-buildvcs=false", "-trimpath", f"-ldflags=-s -w {stamps}"]
    options += [f"-tags={program.source.tags}"] if program.source.tags else []
    return [str(go), "build", *options, "-o", str(output), program.package]


def progress(log: Path) -> str:
    """What `go build -v` has done so far: it names each module it fetches and each package it compiles."""
    lines = log.read_text(errors="replace").splitlines()
    fetched = sum(line.startswith("go: downloading ") for line in lines)
    return f", {fetched} modules fetched, {len(lines) - fetched} packages compiled" if lines else ""


def build(go: Path, program: Program, output: Path, log: Path, say: Callable[[str], None]) -> None:
    """Write the program to `output` and verify it. Raises BinariesError."""
    run_logged(
        program.name,
        build_argv(go, program, output),
        log=log,
        say=say,
        deadline=BUILD_SECONDS,
        environment=go_environment(),
        folder=program.source.folder,
        progress=progress,
    )
    verify(program, output, log)


def verify(program: Program, output: Path, log: Path) -> None:
    """See that the program runs and is the version we want. Raises BinariesError."""
    try:
        run = subprocess.run(
            [str(output), *program.version_args], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise build_failed(program.name, f"was built but does not run ({type(error).__name__})", log) from error
    if program.says not in run.stdout:
        raise build_failed(program.name, f"was built but does not say {program.says!r}", log)
