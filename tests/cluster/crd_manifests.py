"""Manifests for the tests of the custom resources, and what the API server answers to them."""

import json
import re
from typing import Any

from keypool_lab.controlplane import Cluster

Manifest = dict[str, Any]


def pool(name: str = "chat", **spec: Any) -> Manifest:
    """An ApiKeyPool with the one required field, and whatever else is given."""
    body = {"providerRef": {"name": "holysheep"}, **spec}
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "metadata": {"name": name}, "spec": body}


def provider(name: str = "holysheep", **spec: Any) -> Manifest:
    """A KeyProvider that is valid, but for what is given."""
    body = {
        "holySheep": {},
        "endpoints": [{"url": "https://api.example.com/v1"}],
        "auth": {"secretRef": {"name": "holysheep-admin"}},
        **spec,
    }
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": "KeyProvider", "metadata": {"name": name}, "spec": body}


def cluster_provider(name: str = "shared", *tenants: Manifest, **spec: Any) -> Manifest:
    """The same for the cluster, with these tenants."""
    manifest = provider(name, tenants=list(tenants), **spec)
    return {**manifest, "kind": "ClusterKeyProvider"}


def tenant(**fields: Any) -> Manifest:
    """A tenant with what is required, and whatever else is given."""
    return {"name": "shop", "namespaceSelector": {}, **fields}


def holder(name: str = "web-1", *pools: Manifest) -> Manifest:
    """A KeyHolder of the pod of that name, as its relay writes it."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": "3b9d0a4e-0000-4000-8000-000000000001"}
    kind = {"apiVersion": "keypool.dev/v1alpha1", "kind": "KeyHolder"}
    return {**kind, "metadata": {"name": name, "ownerReferences": [owner]}, "spec": {"pools": list(pools)}}


def held(pool_name: str = "chat", *keys: str, rejected: tuple[str, ...] = ()) -> Manifest:
    """A pool of such an object, with keys of these ids."""
    moment = "2026-11-29T13:00:00Z"
    told = [{"id": key, "since": moment, **({"rejected": moment} if key in rejected else {})} for key in keys]
    return {"name": pool_name, "keys": told}


def stream(*manifests: Manifest) -> str:
    """Text for kubectl's standard input."""
    return "\n---\n".join(json.dumps(manifest) for manifest in manifests)


def answers(cluster: Cluster, manifests: list[Manifest]) -> dict[str, str]:
    """Name → the API server's refusal, "" where it accepts; one dry run of `kubectl apply` for all."""
    run = cluster.run_kubectl("apply", "--dry-run=server", "--filename=-", stdin=stream(*manifests))
    refusals = re.findall(r'"([^"]*)" is invalid: (.*?)(?=^Error from server|\Z)', run.stderr, re.MULTILINE | re.DOTALL)
    accepted = re.findall(r"^[^/ ]+/(\S+) created", run.stdout, re.MULTILINE)
    return {**dict(refusals), **dict.fromkeys(accepted, "")}
