"""Kustomize changes names: with manifests/kustomize, the references of our kinds follow."""

import json
from pathlib import Path
from typing import Any

import pytest

from keypool_lab.controlplane import Cluster
from tests.cluster.crd_manifests import cluster_provider, pool, provider
from tests.cluster.installation import MANIFESTS, Document, render

OAUTH = {"oauth2": {"tokenURL": "https://login.example.com/token", "secretRef": {"name": "client"}}}
SHARED = {"kind": "ClusterKeyProvider", "name": "shared"}


def workload(kind: str, volume: dict[str, Any], **container: Any) -> Document:
    """A workload of one container and one volume."""
    spec = {"containers": [{"name": "app", "image": "app", **container}], "volumes": [{"name": "key", **volume}]}
    template = {"template": {"metadata": {"labels": {"app": "app"}}, "spec": spec}}
    body = {"schedule": "* * * * *", "jobTemplate": {"spec": template}} if kind == "CronJob" else template
    group = "batch/v1" if kind == "CronJob" else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": kind.lower()}, "spec": body}


OBJECTS = [
    provider("vendor", auth={"secretRef": {"name": "admin"}}, caSecretRef={"name": "ca"}),
    provider("login", auth=OAUTH),
    cluster_provider("shared", auth={"secretRef": {"name": "admin"}}, caSecretRef={"name": "ca"}),
    cluster_provider("shared-login", auth=OAUTH),
    pool("chat", providerRef={"name": "vendor"}),
    pool("mail", providerRef=SHARED, secret={"name": "mail"}),
    pool("made-by-hand", providerRef={"name": "vendor"}, keysFrom={"secretRef": {"name": "values"}}),
    pool("elsewhere", providerRef={"name": "not-in-here"}),
    workload("Deployment", {"secret": {"secretName": "chat"}}, envFrom=[{"secretRef": {"name": "mail"}}]),
    workload("CronJob", {"projected": {"sources": [{"secret": {"name": "chat"}}]}}),
]


@pytest.fixture
def rendered(control_plane: Cluster, tmp_path: Path) -> dict[str, Any]:
    """The specs of OBJECTS by kind and name, in a kustomization that changes every name."""
    component = tmp_path / "component"
    component.mkdir()
    for path in (MANIFESTS / "kustomize").iterdir():
        (component / path.name).write_text(path.read_text())
    generated = [{"name": name, "literals": ["adminKey=x"]} for name in ("admin", "ca", "client", "values")]
    body = {"resources": ["all.yaml"], "components": ["component"], "namePrefix": "dev-", "secretGenerator": generated}
    (tmp_path / "all.yaml").write_text("\n---\n".join(json.dumps(each) for each in OBJECTS))
    (tmp_path / "kustomization.yaml").write_text(json.dumps(body))
    return {f"{each['kind']} {each['metadata']['name']}": each for each in render(control_plane, tmp_path)}


def secret_named(rendered: dict[str, Any], start: str) -> str:
    """The generated name of a Secret: with the prefix, and a hash of its content."""
    (name,) = (name.removeprefix("Secret ") for name in rendered if name.startswith(f"Secret dev-{start}-"))
    return name


@pytest.mark.parametrize("kind", ["KeyProvider dev-vendor", "ClusterKeyProvider dev-shared"])
def test_an_admin_secrets_generated_name_reaches_the_provider(rendered: dict[str, Any], kind: str) -> None:
    """Its hash too."""
    assert rendered[kind]["spec"]["auth"]["secretRef"]["name"] == secret_named(rendered, "admin")


@pytest.mark.parametrize("kind", ["KeyProvider dev-vendor", "ClusterKeyProvider dev-shared"])
def test_the_generated_name_of_a_secret_with_authorities_reaches_the_provider(
    rendered: dict[str, Any], kind: str
) -> None:
    """Its hash too."""
    assert rendered[kind]["spec"]["caSecretRef"]["name"] == secret_named(rendered, "ca")


@pytest.mark.parametrize("kind", ["KeyProvider dev-login", "ClusterKeyProvider dev-shared-login"])
def test_an_oauth_clients_generated_name_reaches_the_provider(rendered: dict[str, Any], kind: str) -> None:
    """Wherever it logs in."""
    assert rendered[kind]["spec"]["auth"]["oauth2"]["secretRef"]["name"] == secret_named(rendered, "client")


def test_the_name_of_a_secret_with_values_reaches_the_pool(rendered: dict[str, Any]) -> None:
    """keysFrom."""
    pool = rendered["ApiKeyPool dev-made-by-hand"]["spec"]
    assert pool["keysFrom"]["secretRef"]["name"] == secret_named(rendered, "values")


def test_a_pool_names_its_provider_whatever_the_kind(rendered: dict[str, Any]) -> None:
    """One that is not in the kustomization keeps its name."""
    pools = {name.removeprefix("ApiKeyPool "): each["spec"] for name, each in rendered.items() if "ApiKeyPool" in name}
    assert {name: spec["providerRef"]["name"] for name, spec in pools.items()} == {
        "dev-chat": "dev-vendor",
        "dev-mail": "dev-shared",
        "dev-made-by-hand": "dev-vendor",
        "dev-elsewhere": "not-in-here",
    }


def test_a_workload_names_the_secret_that_its_pool_publishes(rendered: dict[str, Any]) -> None:
    """By the pool's own name, which the pool may also have written down."""
    pod = rendered["Deployment dev-deployment"]["spec"]["template"]["spec"]
    job = rendered["CronJob dev-cronjob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["volumes"][0]["secret"]["secretName"] == "dev-chat"
    assert pod["containers"][0]["envFrom"][0]["secretRef"]["name"] == "dev-mail"
    assert job["volumes"][0]["projected"]["sources"][0]["secret"]["name"] == "dev-chat"
    assert rendered["ApiKeyPool dev-mail"]["spec"]["secret"]["name"] == "dev-mail"


def test_a_cluster_provider_with_a_namespace_is_taken_without(control_plane: Cluster, rendered: dict[str, Any]) -> None:
    """Kustomize does not know that it has none, and gives it one with `namespace:`."""
    given = rendered["ClusterKeyProvider dev-shared"]
    metadata = {**given["metadata"], "namespace": "keypool-system"}
    text = json.dumps({**given, "metadata": metadata})
    answer = control_plane.run_kubectl("apply", "--dry-run=server", "--output=json", "--filename=-", stdin=text)
    assert "namespace" not in json.loads(answer.checked())["metadata"]
