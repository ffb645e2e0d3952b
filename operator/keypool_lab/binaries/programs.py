"""Which programs a control plane and the alert rules' tests need, their sources, and how each tells its version."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KUBERNETES_VERSION = "v1.37.2"
ETCD_VERSION = "3.7.0"
PROMETHEUS_VERSION = "v3.15.1"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The folder whose go.mod and go.sum pin what programs are built from.

    `stamps` are variables that are set when linking, so that the programs tell their version as a release does; `costs`
    is what building takes beside time, in words.
    """

    name: str
    version: str
    folder: Path
    stamps: Mapping[str, str]
    tags: str = ""
    costs: str


def _kubernetes_stamps() -> dict[str, str]:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    version = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    return {f"k8s.io/component-base/version.{key}": value for key, value in version.items()}


KUBERNETES = Source(
    name="Kubernetes",
    version=KUBERNETES_VERSION,
    folder=Path(__file__).parent,
    stamps=_kubernetes_stamps(),
    costs="2.5 GB of memory, and on disk 0.3 GB here, 1 GB in Go's module cache and 3.8 GB in its build cache",
)
KUBELET_SOURCE = Source(
    name="Kubernetes",
    version=KUBERNETES_VERSION,
    folder=Path(__file__).parent / "kubelet",
    stamps=_kubernetes_stamps(),
    costs="2.5 GB of memory, and on disk 0.1 GB here and what the control plane took in Go's caches",
)
PROMETHEUS = Source(
    name="Prometheus",
    version=PROMETHEUS_VERSION,
    folder=Path(__file__).parent / "prometheus",
    stamps={"github.com/prometheus/common/version.Version": PROMETHEUS_VERSION.removeprefix("v")},
    tags="remove_all_sd",  # service discovery, with a library for each cloud
    costs="1 GB of memory, and on disk 0.1 GB here, 0.8 GB in Go's module cache and 0.9 GB in its build cache",
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: its source and Go package, and what it says when asked for its version.

    `core_minutes` is a rough cost of building it without any cache, in minutes of one processor core.
    """

    name: str
    source: Source
    package: str
    version_args: tuple[str, ...]
    says: str
    core_minutes: int


PROGRAMS = (
    Program(
        name="etcd",
        source=KUBERNETES,
        package="go.etcd.io/etcd/server/v3",
        version_args=("--version",),
        says=f"etcd Version: {ETCD_VERSION}",
        core_minutes=1,
    ),
    Program(
        name="kubectl",
        source=KUBERNETES,
        package="k8s.io/kubernetes/cmd/kubectl",
        version_args=("version", "--client"),
        says=f"Client Version: {KUBERNETES_VERSION}",
        core_minutes=4,
    ),
    Program(
        name="kube-apiserver",
        source=KUBERNETES,
        package="k8s.io/kubernetes/cmd/kube-apiserver",
        version_args=("--version",),
        says=f"Kubernetes {KUBERNETES_VERSION}",
        core_minutes=11,
    ),
    Program(
        name="kube-controller-manager",
        source=KUBERNETES,
        package="k8s.io/kubernetes/cmd/kube-controller-manager",
        version_args=("--version",),
        says=f"Kubernetes {KUBERNETES_VERSION}",
        core_minutes=4,
    ),
)
KUBELET = Program(
    name="kubelet",
    source=KUBELET_SOURCE,
    package="k8s.io/kubernetes/cmd/kubelet",
    version_args=("--version",),
    says=f"Kubernetes {KUBERNETES_VERSION}",
    core_minutes=6,
)
PROMTOOL = Program(
    name="promtool",
    source=PROMETHEUS,
    package="github.com/prometheus/prometheus/cmd/promtool",
    version_args=("--version",),
    says=f"promtool, version {PROMETHEUS_VERSION.removeprefix('v')}",
    core_minutes=3,
)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """The programs' paths."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path
