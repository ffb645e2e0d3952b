"""`python -m tests.kubelet.prepare`: the kubelet and the images, made before pytest, which would hide the progress."""

import sys
from pathlib import Path

from keypool_lab.binaries import find_or_build_kubelet
from tests.kubelet.image import Images
from tests.kubelet.needs import missing


def prepare() -> tuple[Path, Path, Path]:
    """The archives of the two images, and the kubelet."""
    return *Images().prepare(), find_or_build_kubelet()


def main() -> int:
    """Where something is missing, says what."""
    if lacking := missing():
        sys.stderr.write(f"The tests on a kubelet cannot run: {lacking}\n")
        return 0
    prepare()
    return 0


if __name__ == "__main__":
    sys.exit(main())
