"""What the tests on a kubelet need of the machine, and how to get it.

Run as a script, with any Python, it prints the Debian packages that are lacking.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "busybox": "busybox-static",
    "unshare": "util-linux",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""Program, and the Debian package that has it."""
NAMESPACES = (
    "unshare",
    "--net",
    "--pid",
    "--mount",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
)


@functools.cache
def missing() -> str:
    """What is missing, in words with the remedy; empty where everything is there."""
    if os.geteuid() != 0:
        return "a kubelet needs root"
    if shutil.which("apt-get") is None:
        return "the image's base is made with Debian's debootstrap: this is no Debian"
    if lacking := packages_lacking():
        return f"apt-get install --no-install-recommends {' '.join(lacking)}"
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, timeout=30, check=False).returncode != 0:
        return "no namespaces of its own (network, processes, mounts) are to be had here: CAP_SYS_ADMIN is missing"
    return ""


def packages_lacking() -> list[str]:
    """The Debian packages that are not installed yet."""
    return sorted({package for program, package in PACKAGES.items() if not _there(program)})


def _there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


if __name__ == "__main__":
    sys.stdout.write(" ".join(packages_lacking()))
