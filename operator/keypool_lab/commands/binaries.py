"""`binaries`: have the programs that tests run ready."""

import sys
from dataclasses import asdict

from keypool_lab.binaries import BinariesError, find_or_build, find_or_build_promtool
from keypool_lab.commands.failing import told


def binaries() -> None:
    """Find or build etcd, kube-apiserver, kube-controller-manager, kubectl and promtool; print where they are."""
    with told():
        for path in asdict(find_or_build()).values():
            print(path)
    try:
        print(find_or_build_promtool())
    except BinariesError as error:
        print(f"keypool_lab: {error}\nThe tests of the alert rules will be skipped.", file=sys.stderr)
