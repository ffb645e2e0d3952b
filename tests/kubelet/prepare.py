"""`python -m tests.kubelet.prepare [--injected]`: kubelet and images, before pytest, which hides progress.

--injected: also those of a workload with a relay.
"""

import sys
from pathlib import Path

from keypool_lab.binaries import find_or_build_kubelet
from tests.kubelet.image import INJECTED, SHIPPED, Images
from tests.kubelet.needs import missing


def prepare(images: tuple[str, ...] = SHIPPED) -> tuple[Path, ...]:
    """The kubelet, and the archives of these images."""
    return find_or_build_kubelet(), *Images().prepare(images)


def main() -> int:
    """Where something is missing, says what."""
    if lacking := missing():
        sys.stderr.write(f"The tests on a kubelet cannot run: {lacking}\n")
        return 0
    prepare(INJECTED if "--injected" in sys.argv else SHIPPED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
