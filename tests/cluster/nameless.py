"""The operator as its image starts it, without a container: a user whom no passwd file names, an environment of PATH
and what Deployment and kubelet give, and a file system that is read-only."""

import asyncio
import functools
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.dockerfile import FINAL_STAGE, ROOT
from tests.faults.processes import Process

USER = dict(FINAL_STAGE)["USER"].partition(":")[0]
PATH = "/usr/bin:/bin"
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ENTER = f"""
run=$(readlink -f /var/run)
mount -t tmpfs tmpfs "$run"
mkdir -p {ACCOUNT}
cp "$1"/* {ACCOUNT}/
mkdir "$run/dependencies"
mount --bind "$2" "$run/dependencies"
shift 2
sed 's/^[^ ]* //; s/ .*//' /proc/self/mounts | while read -r at; do
  case "$at" in /proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$at";; esac
done
touch /tmp/writable 2>/dev/null && exit 97
exec "$@"
"""
"""In a mount namespace of the process's own: the service account's files stand where a kubelet mounts them, and the
dependencies where the user can read them."""


@functools.cache
def missing() -> str:
    """What is missing to take on such a user; empty where nothing is."""
    if os.geteuid() != 0:
        return "needs root: nobody else can become a user whom no passwd file names"
    if lacking := [tool for tool in ("setpriv", "unshare", "mount") if shutil.which(tool) is None]:
        return f"needs {', '.join(lacking)}: apt-get install util-linux"
    run = subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=30, check=False)
    if run.returncode != 0:
        return "needs a mount namespace of its own, which this machine does not give (CAP_SYS_ADMIN)"
    return "" if _python() else f"needs a Python {_minor(sys.version_info)} that user {USER} may run: install python3"


def _minor(version: tuple[Any, ...]) -> str:
    return f"{version[0]}.{version[1]}"


def _python() -> Path | None:
    """An interpreter of this one's minor version, which the user may run."""
    for candidate in (Path("/usr/bin/python3"), Path(sys.executable).resolve()):
        code = "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}')"
        command = [*AS_USER, str(candidate), "-I", "-c", code]
        run = subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        if run.stdout.strip() == _minor(sys.version_info):
            return candidate
    return None


def install(folder: Path) -> Path:
    """Builds the wheel as the Dockerfile does and installs it; the dependencies are those of the tests."""
    prefix, pip = folder / "keypool", [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _do(*pip, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(ROOT))
    _do(sys.executable, "-m", "venv", "--without-pip", str(prefix))
    (wheel,) = folder.glob("*.whl")
    _do(*pip, f"--python={prefix}/bin/python", "install", "--no-deps", "--no-index", str(wheel))
    (site,) = prefix.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{Path('/var/run').resolve()}/dependencies\n")
    _make_reachable(prefix)
    return prefix


def _do(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def _make_reachable(prefix: Path) -> None:
    """Gives what was installed an interpreter that the user may run."""
    python = _python()
    assert python is not None
    (prefix / "bin" / "python3").unlink(missing_ok=True)
    (prefix / "bin" / "python3").symlink_to(python)
    settings = prefix / "pyvenv.cfg"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("home")]
    settings.write_text("\n".join([f"home = {python.parent}", *lines]) + "\n")


def as_in_the_pod(deployment: Mapping[str, Any], namespace: str, pod: str) -> dict[str, str]:
    """The environment that the Deployment gives its container."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    fields = {"metadata.namespace": namespace, "metadata.name": pod}
    given = {}
    for entry in container["env"]:
        field = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        given[entry["name"]] = fields[field] if field else entry["value"]
    return given


@asynccontextmanager
async def started(
    prefix: Path, account: Path, environment: Mapping[str, str], cwd: Path | None = None
) -> AsyncIterator[Process]:
    """`python -m keypool` of what was installed in `prefix`; `account` holds the service account's files. Killed at the
    end, if it still runs."""
    entrypoint = [*AS_USER, str(prefix / "bin" / "python"), "-m", "keypool"]
    variables = [f"{name}={value}" for name, value in {"PATH": PATH, **environment}.items()]
    steps = [
        "sh",
        "-euc",
        ENTER,
        "sh",
        str(account),
        sysconfig.get_path("purelib"),
        "env",
        "-i",
        *variables,
        *entrypoint,
    ]
    one = Process(
        await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "--propagation", "private", *steps),
            cwd=cwd or prefix,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        yield one
    finally:
        await one.abandon()
