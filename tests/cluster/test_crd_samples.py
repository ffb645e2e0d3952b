"""The sample manifests are accepted as they stand, together, and again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool.api.provider_options import KINDS
from keypool_lab.controlplane import Cluster
from tests.conftest import Kubectl

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"


def documents(*paths: Path) -> list[dict[str, Any]]:
    """The objects in some files."""
    return [document for path in paths for document in yaml.safe_load_all(path.read_text())]


async def test_the_folder_is_applied_in_one_go(kubectl: Kubectl) -> None:
    """`kubectl apply -f manifests/samples/` makes pools of sizes 1, 2 and 5."""
    (await kubectl("apply", f"--filename={SAMPLES}")).checked()
    sizes = (await kubectl("get", "akp", "--output=jsonpath={.items[*].spec.size}")).checked()
    assert sorted(sizes.split()) == ["1", "2", "5"]


@pytest.mark.parametrize("flags", [[], ["--server-side"]], ids=["apply", "server-side"])
async def test_applied_again_nothing_changes(kubectl: Kubectl, flags: list[str]) -> None:
    """Not even a resourceVersion, once the operator has told something of the pools."""
    versions = ("get", "akp", "--output=jsonpath={.items[*].metadata.resourceVersion}")
    (await kubectl("apply", *flags, f"--filename={SAMPLES}")).checked()
    status = ("--subresource=status", "--type=merge", '--patch={"status":{"observedGeneration":1}}')
    for pool in (await kubectl("get", "akp", "--output=name")).checked().split():
        (await kubectl("patch", pool, *status)).checked()
    before = (await kubectl(*versions)).checked()
    (await kubectl("apply", *flags, f"--filename={SAMPLES}")).checked()
    assert (await kubectl(*versions)).checked() == before


def test_the_folder_holds_pools_only() -> None:
    """Applied on the lab, it replaces neither the lab's provider nor its admin Secret."""
    assert {document["kind"] for document in documents(*SAMPLES.glob("*.yaml"))} == {"ApiKeyPool"}


def test_no_sample_holds_a_secret() -> None:
    """An admin credential is never in a manifest, not even as a placeholder that would overwrite a real one."""
    assert "Secret" not in {document["kind"] for document in documents(*SAMPLES.rglob("*.yaml"))}


def test_every_pool_names_the_sample_provider() -> None:
    """The provider sample and the lab's provider have the name that the pools refer to."""
    (provider,) = documents(SAMPLES / "provider" / "holysheep.yaml")
    pools = documents(*SAMPLES.glob("*.yaml"))
    assert {pool["spec"]["providerRef"]["name"] for pool in pools} == {provider["metadata"]["name"]}


@pytest.mark.parametrize("folder", ["provider", "tenancy", "workload"])
async def test_provider_and_workload_are_accepted_under_restricted_pod_security(
    control_plane: Cluster, namespace: str, kubectl: Kubectl, folder: str
) -> None:
    """Without a warning of the API server."""
    label = "pod-security.kubernetes.io/warn=restricted"
    (await control_plane.kubectl("label", "namespace", namespace, label)).checked()
    run = await kubectl("apply", "--dry-run=server", f"--filename={SAMPLES / folder}")
    assert (run.returncode, run.stderr) == (0, "")


def test_every_kind_of_provider_but_plug_ins_has_a_sample() -> None:
    """A plug-in's sample is on the page that tells how to write one: it needs an image of one's own."""
    providers = documents(*(SAMPLES / "provider").glob("*.yaml"))
    specs = [each["spec"] for each in providers if each["kind"] == "KeyProvider"]
    assert {kind for spec in specs for kind in KINDS if kind in spec} == {*KINDS} - {"plugin"}


def test_the_workload_mounts_the_sample_pools_secret() -> None:
    """And reads the entries that the pool publishes."""
    (workload,) = documents(*(SAMPLES / "workload").glob("*.yaml"))
    pod = workload["spec"]["template"]["spec"]
    assert pod["volumes"][0]["secret"]["secretName"] == documents(SAMPLES / "pool.yaml")[0]["metadata"]["name"]
    assert "/var/run/chat/apiKey" in pod["containers"][0]["args"][0]
