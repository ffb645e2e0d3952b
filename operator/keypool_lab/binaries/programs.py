"""Which programs a control plane needs, where their sources are, and how each tells its version."""

from dataclasses import dataclass
from pathlib import Path

KUBERNETES_VERSION = "v1.37.2"
ETCD_VERSION = "3.7.0"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: its Go package, and what it says when asked for its version.

    `core_minutes` is a rough cost of building it without any cache, in minutes of one processor core.
    """

    name: str
    package: str
    version_args: tuple[str, ...]
    says: str
    core_minutes: int


PROGRAMS = (
    Program(
        name="etcd",
        package="go.etcd.io/etcd/server/v3",
        version_args=("--version",),
        says=f"etcd Version: {ETCD_VERSION}",
        core_minutes=1,
    ),
    Program(
        name="kubectl",
        package="k8s.io/kubernetes/cmd/kubectl",
        version_args=("version", "--client"),
        says=f"Client Version: {KUBERNETES_VERSION}",
        core_minutes=4,
    ),
    Program(
        name="kube-apiserver",
        package="k8s.io/kubernetes/cmd/kube-apiserver",
        version_args=("--version",),
        says=f"Kubernetes {KUBERNETES_VERSION}",
        core_minutes=11,
    ),
    Program(
        name="kube-controller-manager",
        package="k8s.io/kubernetes/cmd/kube-controller-manager",
        version_args=("--version",),
        says=f"Kubernetes {KUBERNETES_VERSION}",
        core_minutes=4,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """The programs' paths."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path
