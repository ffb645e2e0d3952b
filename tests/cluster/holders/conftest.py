"""Pods with tokens of their own, and manifests/relay/holders for the test's namespace alone."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from tests.cluster.holders.pods import Pods
from tests.waiting import eventually

MANIFESTS = Path(__file__).parents[3] / "manifests" / "relay" / "holders"
Object = dict[str, Any]


def manifests(*names: str) -> list[Object]:
    """The documents of these files."""
    return [doc for name in names for doc in yaml.safe_load_all((MANIFESTS / name).read_text())]


def for_namespace(doc: Object, namespace: str) -> Object:
    """With a name of its own, and for that namespace."""
    own = f"keypool-holders-{namespace}"
    moved: Object = json.loads(json.dumps(doc).replace('"keypool-holders"', f'"{own}"'))
    if moved["kind"] == "RoleBinding":
        moved["metadata"]["namespace"] = namespace
        moved["subjects"][0]["name"] = f"system:serviceaccounts:{namespace}"
    if moved["kind"] == "ClusterRoleBinding":
        moved["subjects"][0]["name"] = f"system:serviceaccounts:{namespace}"
    if moved["kind"] == "ValidatingAdmissionPolicyBinding":
        only = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace, f"{namespace}-b"]}
        moved["spec"]["matchResources"] = {"namespaceSelector": {"matchExpressions": [only]}}
    return moved


def collection(doc: Object) -> str:
    plural = doc["kind"].lower().removesuffix("y") + ("ies" if doc["kind"].endswith("y") else "s")
    base = f"/apis/{doc['apiVersion']}"
    namespace = doc["metadata"].get("namespace")
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


@pytest.fixture
async def pods(control_plane: Cluster, admin: KubeClient, namespace: str) -> AsyncIterator[Pods]:
    """Pods of the test's namespace, whose service accounts have no rights."""
    async with Pods.of(control_plane, admin, namespace) as made:
        yield made


async def _installed(admin: KubeClient, namespace: str, docs: list[Object]) -> AsyncIterator[None]:
    docs = [for_namespace(doc, namespace) for doc in docs]
    for doc in docs:
        await admin.create(collection(doc), doc)
    yield
    for doc in docs:
        await admin.delete(f"{collection(doc)}/{doc['metadata']['name']}")


@pytest.fixture
async def rights(admin: KubeClient, namespace: str) -> AsyncIterator[None]:
    """The pods may report in their own namespace."""
    async for _ in _installed(admin, namespace, manifests("cluster-role.yaml", "namespaced/role-binding.yaml")):
        yield


@pytest.fixture
async def wide_rights(admin: KubeClient, namespace: str) -> AsyncIterator[None]:
    """The same pods may report everywhere."""
    docs = manifests("cluster-role.yaml", "cluster-wide/cluster-role-binding.yaml")
    async for _ in _installed(admin, namespace, docs):
        yield


@pytest.fixture
async def policy(admin: KubeClient, pods: Pods, namespace: str) -> AsyncIterator[None]:
    """In force: the API server takes up a new policy after a moment."""
    async for _ in _installed(admin, namespace, manifests("policy.yaml")):

        async def in_force() -> bool:
            return (await pods.as_admin(dry_run=True)).status == 403

        await eventually(in_force, 20, "the policy is in force")
        yield


@pytest.fixture
async def second(admin: KubeClient, namespace: str) -> AsyncIterator[str]:
    """Another namespace that the policy is for."""
    name = f"{namespace}-b"
    await admin.create(paths.namespaces(), {"metadata": {"name": name}})
    yield name
    await admin.delete(paths.namespace(name))
