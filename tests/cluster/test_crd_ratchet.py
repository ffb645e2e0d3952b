"""A bound that a newer version brings holds for what is new: what was larger already goes on, and can be changed."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keypool.api.crd import pool_crd
from tests.cluster.crd_manifests import Manifest, pool, stream
from tests.conftest import Kubectl
from tests.waiting import eventually

GROUP = "bounds.example.com"
LARGE = {"a": "x" * 4096, "b": "x" * 4096, "c": "x"}
KIND = "BoundedPool"
NAME = f"boundedpools.{GROUP}"


def without_bounds(node: Any) -> Any:
    """A schema as it was before texts were counted together, and those in a status at all."""
    if isinstance(node, list):
        return [without_bounds(each) for each in node]
    if not isinstance(node, dict):
        return node
    rules = [rule for rule in node.get("x-kubernetes-validations", ()) if ".sum()" not in rule["rule"]]
    kept = {key: without_bounds(value) for key, value in node.items() if key != "x-kubernetes-validations"}
    return {**kept, "x-kubernetes-validations": rules} if rules else kept


def definition(*, bounded: bool) -> Manifest:
    """The definition of pools, under names of its own: the other tests say `apikeypool` beside it and mean theirs."""
    crd = pool_crd()
    crd["metadata"]["name"], crd["spec"]["group"] = NAME, GROUP
    crd["spec"]["names"] = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": "boundedpools",
        "singular": "boundedpool",
    }
    version = crd["spec"]["versions"][0]
    if not bounded:
        version["schema"] = without_bounds(version["schema"])
        version["schema"]["openAPIV3Schema"]["properties"]["status"] = {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        }
    return crd


def a_pool(name: str, **spec: Any) -> Manifest:
    """One of that group."""
    return {**pool(name, **spec), "apiVersion": f"{GROUP}/v1alpha1", "kind": KIND}


@pytest.fixture
async def kind(kubectl: Kubectl) -> AsyncIterator[None]:
    """The kind as it was; it goes with the test."""
    (await kubectl("apply", "--filename=-", stdin=stream(definition(bounded=False)))).checked()
    (await kubectl("wait", "--for=condition=Established", f"crd/{NAME}", "--timeout=150s")).checked()
    yield
    (await kubectl("delete", f"crd/{NAME}", "--wait=false")).checked()


async def test_an_object_that_is_larger_than_a_new_bound_goes_on_and_no_new_one_is_made(
    kind: None,
    kubectl: Kubectl,
) -> None:
    old = a_pool("old", secret={"annotations": LARGE})
    (await kubectl("apply", "--filename=-", stdin=stream(old))).checked()
    long_status = {"status": {"nextAction": "x" * 5000}}
    patch = ("patch", NAME, "old", "--type=merge")
    (await kubectl(*patch, "--subresource=status", f"--patch={json.dumps(long_status)}")).checked()
    (await kubectl("replace", "--filename=-", stdin=stream(await served(kubectl)))).checked()

    async def bounded() -> bool:
        new = a_pool("new", secret={"annotations": LARGE})
        answer = await kubectl("apply", "--dry-run=server", "--filename=-", stdin=stream(new))
        return "at most 8192 characters together" in answer.stderr

    await eventually(bounded, what="the new schema is served")
    (await kubectl(*patch, '--patch={"spec": {"size": 3}}')).checked()
    (await kubectl(*patch, "--subresource=status", '--patch={"status": {"replicas": 2}}')).checked()
    grown = {"spec": {"secret": {"annotations": {"d": "x"}}}}
    assert "at most 8192 characters together" in (await kubectl(*patch, f"--patch={json.dumps(grown)}")).stderr
    mended = {"spec": {"secret": {"annotations": {"a": None}}}}
    (await kubectl(*patch, f"--patch={json.dumps(mended)}")).checked()


async def served(kubectl: Kubectl) -> Manifest:
    """The new definition, to replace the one that is there."""
    live = json.loads((await kubectl("get", f"crd/{NAME}", "--output=json")).checked())
    new = definition(bounded=True)
    new["metadata"] = {"name": NAME, "resourceVersion": live["metadata"]["resourceVersion"]}
    return new
