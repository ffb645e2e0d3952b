"""Installs what manifests/base grants the operator, under names of one test's own."""

import asyncio
import contextlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool_lab.controlplane import Cluster

BASE = Path(__file__).parents[2] / "manifests" / "base"
INSTALLED_AS = "keypool-system"
ACCOUNT = "keypool"
NAMESPACED = ("Namespace", "ServiceAccount", "Role", "RoleBinding")
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", POLICY, BINDING)

RBAC = "/apis/rbac.authorization.k8s.io/v1"

Manifest = dict[str, Any]


def rights(cluster: Cluster, system: str) -> list[Manifest]:
    """The namespace, service account, RBAC and policy of manifests/base for an operator whose namespace is `system`."""
    return [_renamed(doc, system) for doc in _base(cluster)]


async def install(client: KubeClient, cluster: Cluster, system: str) -> None:
    """Creates all of it: without kubectl, which would cost most tests more than what they do."""
    namespace, *others = sorted(rights(cluster, system), key=lambda doc: doc["kind"] != "Namespace")
    await client.create(paths.namespaces(), namespace)
    await asyncio.gather(*(client.create(_collection(doc), doc) for doc in others))


async def kubeconfig(client: KubeClient, cluster: Cluster, system: str) -> Path:
    """A kubeconfig file of the operator's service account, with a token for an hour."""
    path = f"/api/v1/namespaces/{system}/serviceaccounts/{ACCOUNT}/token"
    answer = await client.create(path, {"spec": {"expirationSeconds": 3600}})
    return cluster.kubeconfig_with(system, ACCOUNT, answer["status"]["token"])


async def uninstall(client: KubeClient, cluster: Cluster, system: str, *, tidies: bool = True) -> None:
    """Removes what is of the whole cluster, and the namespace where it `tidies`, which nobody waits for."""
    wide = [f"{_collection(doc)}/{doc['metadata']['name']}" for doc in rights(cluster, system) if _is_wide(doc)]
    await asyncio.gather(*(_delete(client, path) for path in (*wide, *([paths.namespace(system)] if tidies else ()))))


async def _delete(client: KubeClient, path: str) -> None:
    with contextlib.suppress(NotFound):
        await client.delete(path)


def _collection(doc: Manifest) -> str:
    plural = "validatingadmissionpolicies" if doc["kind"] == POLICY else f"{doc['kind'].lower()}s"
    kind, namespace = plural, doc["metadata"].get("namespace")
    base = "/api/v1" if doc["apiVersion"] == "v1" else f"/apis/{doc['apiVersion']}"
    return f"{base}/namespaces/{namespace}/{kind}" if namespace else f"{base}/{kind}"


@cache
def _base(cluster: Cluster) -> list[Manifest]:
    text = cluster.run_kubectl("kustomize", str(BASE)).checked()
    return [doc for doc in yaml.safe_load_all(text) if doc["kind"] in NAMESPACED + CLUSTER_WIDE]


def _is_wide(doc: Manifest) -> bool:
    return doc["kind"] in CLUSTER_WIDE


def held(system: str, account: str = ACCOUNT) -> Manifest:
    """Whom the policy holds: what an overlay for another namespace has to say."""
    return {
        "name": "it-is-the-operator",
        "expression": f"request.userInfo.username == 'system:serviceaccount:{system}:{account}'",
    }


def _renamed(doc: Manifest, system: str) -> Manifest:
    """The operator's namespace is another one, and objects of the whole cluster carry its name."""
    moved: Manifest = json.loads(json.dumps(doc).replace(f'"{INSTALLED_AS}"', f'"{system}"'))
    if _is_wide(moved):
        moved["metadata"]["name"] += f"-{system}"
    if moved["kind"] == "ClusterRoleBinding":
        moved["roleRef"]["name"] += f"-{system}"
    if moved["kind"] == BINDING:
        moved["spec"]["policyName"] += f"-{system}"
    if moved["kind"] == POLICY:
        moved["spec"]["matchConditions"] = [held(system)]
    return moved


class Rights:
    """The operator's ClusterRole, from which verbs can be taken for a while."""

    def __init__(self, admin: KubeClient, system: str) -> None:
        self._admin, self._path = admin, f"{RBAC}/clusterroles/keypool-{system}"
        self._full: list[Manifest] = []

    async def take(self, resource: str, *verbs: str) -> None:
        """Returns once the API server's authorizer must have followed."""
        self._full = (await self._admin.get(self._path))["rules"]
        left = [
            {
                **rule,
                "verbs": [verb for verb in rule["verbs"] if resource not in rule["resources"] or verb not in verbs],
            }
            for rule in self._full
        ]
        await self._admin.patch(self._path, {"rules": [rule for rule in left if rule["verbs"]]})
        await asyncio.sleep(1.5)

    async def give_back(self) -> None:
        """As it was."""
        await self._admin.patch(self._path, {"rules": self._full})
