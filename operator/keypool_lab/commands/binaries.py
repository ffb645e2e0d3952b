"""`binaries`: have the control plane's programs ready."""

from dataclasses import asdict

from keypool_lab.binaries import find_or_build
from keypool_lab.commands.failing import told


def binaries() -> None:
    """Find or build etcd, kube-apiserver, kube-controller-manager and kubectl; print where they are."""
    with told():
        for path in asdict(find_or_build()).values():
            print(path)
