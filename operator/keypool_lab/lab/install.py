"""What is applied to a lab's cluster: the operator's rights, exactly those of manifests/base, and a provider."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from keypool_lab.controlplane import Cluster

REPOSITORY = Path(__file__).resolve().parents[3]
CRDS = REPOSITORY / "crds"
SYSTEM = "keypool-system"
ACCOUNT = "keypool"
NAMESPACE = "default"
PROVIDER = "holysheep"
ADMIN_SECRET = "holysheep-admin"  # noqa: S105 - a name
# A lab may be up for a month.
TOKEN_LIFETIME = "720h"  # noqa: S105 - a duration

# The Deployment stays out: there are no nodes, the lab runs the operator itself.
_RIGHTS = frozenset(
    {
        *("Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }
)


def rights(cluster: Cluster) -> list[dict[str, Any]]:
    """Namespace, service account, RBAC and policy of manifests/base. Raises KubectlError."""
    rendered = cluster.run_kubectl("kustomize", str(REPOSITORY / "manifests" / "base")).checked()
    return [document for document in yaml.safe_load_all(rendered) if document["kind"] in _RIGHTS]


def provider(*urls: str) -> dict[str, Any]:
    """The provider object that the sample pools name, with its endpoints in the order of preference."""
    return {
        "apiVersion": "keypool.dev/v1alpha1",
        "kind": "KeyProvider",
        "metadata": {"name": PROVIDER, "namespace": NAMESPACE},
        "spec": {
            "holySheep": {},
            "endpoints": [{"url": url} for url in urls],
            "auth": {"secretRef": {"name": ADMIN_SECRET}},
        },
    }


def allowing(name: str, url: str) -> str:
    """What a credential's Secret says so that the provider object may send it there."""
    return f"provider/{name}@{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def install(cluster: Cluster, provider_urls: Sequence[str], admin_key: Path) -> None:
    """Apply all of it; the provider goes to `NAMESPACE`. `admin_key`: a file. Raises KubectlError."""
    secret = ("create", "secret", "generic", ADMIN_SECRET, f"--from-file=adminKey={admin_key}")
    cluster.run_kubectl(*secret, f"--namespace={NAMESPACE}").checked()
    allow = f"keypool.dev/allow={','.join(allowing(PROVIDER, url) for url in provider_urls)}"
    cluster.run_kubectl("annotate", "secret", ADMIN_SECRET, allow, f"--namespace={NAMESPACE}").checked()
    documents = [*rights(cluster), provider(*provider_urls)]
    stream = "\n---\n".join(json.dumps(document) for document in documents)
    cluster.run_kubectl("apply", "--filename=-", stdin=stream).checked()
