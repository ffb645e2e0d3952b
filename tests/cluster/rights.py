"""Installs what manifests/base grants the operator, under names of one test's own."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from keypool_lab.controlplane import Cluster

BASE = Path(__file__).parents[2] / "manifests" / "base"
INSTALLED_AS = "keypool-system"
ACCOUNT = "keypool"
NAMESPACED = ("Namespace", "ServiceAccount", "Role", "RoleBinding")
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding")

Manifest = dict[str, Any]


def rights(cluster: Cluster, system: str) -> list[Manifest]:
    """The namespace, service account and RBAC of manifests/base for an operator whose namespace is `system`."""
    wanted = [doc for doc in yaml.safe_load_all(_base(cluster)) if doc["kind"] in NAMESPACED + CLUSTER_WIDE]
    return [_renamed(doc, system) for doc in wanted]


def uninstall(cluster: Cluster, system: str) -> None:
    """Removes all of it; nobody waits for the namespace."""
    names = [f"{doc['kind']}/{doc['metadata']['name']}" for doc in rights(cluster, system) if _is_wide(doc)]
    cluster.run_kubectl("delete", "--ignore-not-found", "--wait=false", f"namespace/{system}", *names).checked()


@cache
def _base(cluster: Cluster) -> str:
    return cluster.run_kubectl("kustomize", str(BASE)).checked()


def _is_wide(doc: Manifest) -> bool:
    return doc["kind"] in CLUSTER_WIDE


def _renamed(doc: Manifest, system: str) -> Manifest:
    """The operator's namespace is another one, and objects of the whole cluster carry its name."""
    moved: Manifest = json.loads(json.dumps(doc).replace(f'"{INSTALLED_AS}"', f'"{system}"'))
    if _is_wide(moved):
        moved["metadata"]["name"] += f"-{system}"
    if moved["kind"] == "ClusterRoleBinding":
        moved["roleRef"]["name"] += f"-{system}"
    return moved
