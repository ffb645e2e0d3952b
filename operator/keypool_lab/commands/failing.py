"""Expected failures end a command with a message, not with a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from keypool_lab.binaries import BinariesError
from keypool_lab.controlplane import ControlPlaneError, KubectlError
from keypool_lab.gateways import GatewayError
from keypool_lab.lab import LabError


@contextmanager
def told() -> Iterator[None]:
    """Print an expected failure to standard error and exit with status 1."""
    try:
        yield
    except (BinariesError, ControlPlaneError, KubectlError, GatewayError, LabError) as error:
        print(f"keypool_lab: {error}", file=sys.stderr)
        raise SystemExit(1) from None
