"""Nothing that is applied is out of sync afterwards, for GitOps tools, on a cluster that had never heard of keypool."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import Cluster, ControlPlane
from tests.cluster.drift import differences
from tests.cluster.installation import MANIFESTS, Document, render
from tests.unit.argocd import judge

GRANTS = ("relay/holders/cluster-wide", "relay/holders/namespaced")
FOLDERS = ("samples", "samples/provider", "samples/tenancy", "samples/workload", "alerts", *GRANTS)
RENDERED = ("relay/injection", "relay/holders")
OF_KUSTOMIZE = {"base", "namespaced", "policy", "argocd", "kustomize"}
JUST_MADE = ("pool.yaml", "provider/openai.yaml", "tenancy/shared.yaml")
MODES = {"client-side": ("apply",), "server-side": ("apply", "--server-side", "--force-conflicts")}
RULE_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "prometheusrules.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "PrometheusRule", "plural": "prometheusrules"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""The kind that the Prometheus Operator brings."""


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """How everything is applied."""
    mode: str = request.param
    return mode


@pytest.fixture(scope="module")
def cluster(binaries: Binaries, mode: str) -> Iterator[Cluster]:
    """The operator's manifests were applied in this mode, and the kind of alert rules is known."""
    with ControlPlane.start(binaries) as plane:
        plane.run_kubectl("apply", "--filename=-", stdin=json.dumps(RULE_CRD)).checked()
        plane.run_kubectl(*MODES[mode], "-k", str(MANIFESTS / "base")).checked()
        established = ("wait", "--for=condition=Established", "crd", "--all", "--timeout=150s")
        plane.run_kubectl(*established).checked()
        yield plane


def live(cluster: Cluster, documents: list[Document]) -> list[Document]:
    """The same objects as the API server has them, in the same order."""
    text = "\n---\n".join(json.dumps(document) for document in documents)
    found = json.loads(cluster.run_kubectl("get", "--output=json", "--filename=-", stdin=text).checked())
    return found["items"] if found["kind"] == "List" else [found]


def drift(cluster: Cluster, documents: list[Document]) -> dict[str, list[str]]:
    """What is out of sync, by object."""
    pairs = zip(documents, live(cluster, documents), strict=True)
    found = {f"{each['kind']} {each['metadata']['name']}": differences(each, now) for each, now in pairs}
    return {name: where for name, where in found.items() if where}


def versions(cluster: Cluster, documents: list[Document]) -> list[str]:
    """The resourceVersions, which move with every write that changes anything."""
    return [each["metadata"]["resourceVersion"] for each in live(cluster, documents)]


def of(path: Path) -> list[Document]:
    """The objects in a file."""
    return list(yaml.safe_load_all(path.read_text()))


def test_a_default_inside_a_list_would_be_seen() -> None:
    """The comparison finds what Argo CD finds."""
    manifest: dict[str, Any] = {"apiVersion": "keypool.dev/v1", "spec": {"tenants": [{"name": "a"}], "size": 1}}
    now = {"apiVersion": "keypool.dev/v1", "spec": {"tenants": [{"name": "a", "limits": {}}], "size": 1, "more": 2}}
    assert [each.partition(":")[0] for each in differences(manifest, now)] == [".spec.tenants"]


def test_the_operators_manifests_and_crds_are_in_sync(cluster: Cluster) -> None:
    """`kubectl apply -k manifests/base`: each object is live as it is written."""
    assert drift(cluster, render(cluster, MANIFESTS / "base")) == {}


def test_the_operators_manifests_applied_again_change_nothing(cluster: Cluster, mode: str) -> None:
    """Not even a resourceVersion."""
    moving = {"Deployment", "ValidatingAdmissionPolicy"}  # with their status
    documents = [each for each in render(cluster, MANIFESTS / "base") if each["kind"] not in moving]
    before = versions(cluster, documents)
    cluster.run_kubectl(*MODES[mode], "-k", str(MANIFESTS / "base")).checked()
    assert versions(cluster, documents) == before
    assert cluster.run_kubectl("diff", "-k", str(MANIFESTS / "base")).checked() == ""


def test_everything_else_that_is_applied_is_in_sync(cluster: Cluster, mode: str) -> None:
    """All samples, and the alert rules by their folder. Applied again, not even a resourceVersion changes."""
    files = [f"--filename={MANIFESTS / folder}" for folder in FOLDERS]
    documents = [each for folder in FOLDERS for path in (MANIFESTS / folder).glob("*.yaml") for each in of(path)]
    cluster.run_kubectl(*MODES[mode], *files).checked()
    assert drift(cluster, documents) == {}
    cluster.run_kubectl(*MODES[mode], *files).checked()  # the first time that a status is stored, be it a default
    ours = [each for each in documents if each["kind"] != "Deployment"]
    before = versions(cluster, ours)
    cluster.run_kubectl(*MODES[mode], *files).checked()
    assert versions(cluster, ours) == before
    assert {each["metadata"].get("generation", 1) for each in live(cluster, ours)} == {1}


@pytest.mark.parametrize("folder", RENDERED)
def test_what_is_applied_beside_the_operator_is_in_sync(cluster: Cluster, mode: str, folder: str) -> None:
    """The injection of relays, and their rights. Applied again, nothing would change."""
    documents = render(cluster, MANIFESTS / folder)
    cluster.run_kubectl(*MODES[mode], "-k", str(MANIFESTS / folder)).checked()
    assert drift(cluster, documents) == {}
    assert cluster.run_kubectl("diff", "-k", str(MANIFESTS / folder)).checked() == ""


def test_no_folder_of_manifests_is_left_out() -> None:
    """Each is applied by its name here, or belongs to kustomize. The parts of a component make no objects."""
    folders = {path.parent.relative_to(MANIFESTS).as_posix() for path in MANIFESTS.rglob("*.yaml")}
    made = {folder for folder in folders if not folder.startswith("relay/component")}
    assert made == {*FOLDERS, *RENDERED, *OF_KUSTOMIZE}


def test_an_object_that_was_just_made_is_in_progress_for_argo_cd(cluster: Cluster, mode: str) -> None:
    """Though the operator has not looked at it, or does not run at all."""
    documents = [each for name in JUST_MADE for each in of(MANIFESTS / "samples" / name)]
    cluster.run_kubectl(*MODES[mode], *(f"--filename={MANIFESTS / 'samples' / name}" for name in JUST_MADE)).checked()
    found = live(cluster, documents)
    assert {each["kind"]: judge(each).status for each in found} == dict.fromkeys(
        ("ApiKeyPool", "KeyProvider", "ClusterKeyProvider"), "Progressing"
    )
