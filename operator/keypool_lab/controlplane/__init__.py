"""A real control plane on loopback: etcd, kube-apiserver and kube-controller-manager, and what one says to it."""

from keypool_lab.controlplane.cluster import Cluster, CompletedRun, KubectlError
from keypool_lab.controlplane.failures import ControlPlaneError
from keypool_lab.controlplane.plane import ControlPlane

__all__ = ["Cluster", "CompletedRun", "ControlPlane", "ControlPlaneError", "KubectlError"]
