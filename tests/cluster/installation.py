"""manifests/base, installed under a namespace of its own: the operator's service account with exactly its rights."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from keypool_lab.controlplane import Cluster

POLICY = "ValidatingAdmissionPolicy"
MANIFESTS = Path(__file__).parents[2] / "manifests"
Document = dict[str, Any]


def render(cluster: Cluster, folder: Path) -> list[Document]:
    """What kustomize makes of a folder."""
    return list(yaml.safe_load_all(cluster.run_kubectl("kustomize", str(folder)).checked()))


def only(documents: list[Document], kind: str) -> Document:
    """The one object of a kind."""
    (found,) = (document for document in documents if document["kind"] == kind)
    return found


@dataclass(frozen=True)
class Installation:
    """`namespace` is the operator's own; `documents` are the manifests as applied."""

    cluster: Cluster
    namespace: str
    service_account: str
    documents: list[Document]

    @property
    def user(self) -> str:
        """The service account as RBAC names it."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"


@contextmanager
def installed(cluster: Cluster, folder: Path) -> Iterator[Installation]:
    """Apply an overlay of manifests/base, kept in `folder`; several may stand side by side in one cluster."""
    suffix = secrets.token_hex(3)
    namespace = f"keypool-{suffix}"
    overlay = {
        "resources": [os.path.relpath(MANIFESTS / "base", folder.resolve())],
        "namespace": namespace,
        "nameSuffix": f"-{suffix}",
        "patches": [{"target": {"kind": POLICY}, "patch": json.dumps(_held(namespace, f"keypool-{suffix}"))}],
    }
    # JSON is YAML with every string in quotes: kustomize takes a bare -12e456, as safe_dump writes it, for a number.
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
    try:
        cluster.run_kubectl("apply", "--server-side", "--force-conflicts", "-k", str(folder)).checked()
        documents = render(cluster, folder)
        yield Installation(cluster, namespace, only(documents, "ServiceAccount")["metadata"]["name"], documents)
    finally:
        names = [name for role in ("keypool", "keypool-crds") for name in _role_and_binding(f"{role}-{suffix}")]
        names += [f"{kind.lower()}/keypool-{suffix}" for kind in (POLICY, f"{POLICY}Binding")]
        cluster.run_kubectl("delete", "--ignore-not-found", "--wait=false", f"namespace/{namespace}", *names).checked()


def _held(namespace: str, account: str) -> list[Document]:
    """What an overlay for another namespace or account says to the policy."""
    user = f"request.userInfo.username == 'system:serviceaccount:{namespace}:{account}'"
    return [{"op": "replace", "path": "/spec/matchConditions/0/expression", "value": user}]


def _role_and_binding(name: str) -> tuple[str, str]:
    return f"clusterrole/{name}", f"clusterrolebinding/{name}"
