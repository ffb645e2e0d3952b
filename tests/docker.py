"""Whether containers can be run here."""

import functools
import shutil
import subprocess

ANSWER_SECONDS = 10.0


@functools.cache
def missing_docker() -> str:
    """What is missing to run containers; empty when a Docker engine answers."""
    if shutil.which("docker") is None:
        return "no Docker engine: there is no docker command"
    try:
        run = subprocess.run(["docker", "version"], capture_output=True, timeout=ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no Docker engine: none answered within {ANSWER_SECONDS:g} s"
    return "" if run.returncode == 0 else "no Docker engine: the docker command finds none that runs"
