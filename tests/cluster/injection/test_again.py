"""Done twice, or beside other policies, it changes nothing more and leaves nothing out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from keypool.cluster.client import KubeClient
from tests.cluster.injection.installing import LABEL, Injection, Object, pod
from tests.cluster.injection.test_injected import made

RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
SIDE = 'Object.spec.containers{name: "other", image: "other"}'
FIRST = 'Object.spec.initContainers{name: "other-init", image: "other"}'
ADDS = (
    'object.spec.containers.exists(each, each.name == "other") ? [] : '
    f'[JSONPatch{{op: "add", path: "/spec/containers/-", value: {SIDE}}}]'
    ' + (has(object.spec.initContainers) ? [] : [JSONPatch{op: "add", path: "/spec/initContainers", value: []}])'
    f' + [JSONPatch{{op: "add", path: "/spec/initContainers/-", value: {FIRST}}}]'
)


def without_the_token(spec: Object) -> Object:
    """Without what the API server names at random."""
    settled: Object = json.loads(json.dumps(spec), object_pairs_hook=_settled)
    return settled


def _settled(pairs: list[tuple[str, Any]]) -> Object:
    return {
        name: "kube-api-access" if isinstance(value, str) and value.startswith("kube-api-access-") else value
        for name, value in pairs
    }


async def test_a_pod_is_what_the_dry_run_said(admin: KubeClient, injection: Injection) -> None:
    said = await made(admin, injection, pod(name="real"))
    real = await admin.create(f"/api/v1/namespaces/{injection.namespace}/pods", pod(name="real"))
    assert without_the_token(real["spec"]) == without_the_token(said["spec"])


async def test_a_pod_that_was_exported_is_made_again_as_it_was(admin: KubeClient, injection: Injection) -> None:
    first = await made(admin, injection, pod(automountServiceAccountToken=False))
    metadata = {"name": "again", "annotations": first["metadata"]["annotations"]}
    again = await made(
        admin, injection, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": first["spec"]}
    )
    assert again["spec"] == first["spec"]
    assert again["metadata"]["annotations"] == first["metadata"]["annotations"]


@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["by the client", "by the server"])
def test_what_is_applied_twice_does_not_drift(how: tuple[str, ...], injection: Injection) -> None:
    name = f"twice{len(how)}"
    text = json.dumps(pod(name=name))
    where = ("--namespace", injection.namespace)

    def version() -> str:
        run = injection.cluster.run_kubectl(
            "get", f"pod/{name}", *where, "--output=jsonpath={.metadata.resourceVersion}"
        )
        return run.checked()

    injection.cluster.run_kubectl("apply", *how, *where, "--filename=-", stdin=text).checked()
    before = version()
    injection.cluster.run_kubectl("apply", *how, *where, "--filename=-", stdin=text).checked()
    assert version() == before
    assert injection.cluster.run_kubectl("diff", *how, *where, "--filename=-", stdin=text).checked() == ""


@contextmanager
def another(injection: Injection, name: str) -> Iterator[None]:
    """A mutating policy of somebody else, which adds a container and an init container."""
    name = f"{name}-{injection.suffix}"
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    match = {"namespaceSelector": {"matchLabels": {LABEL: injection.suffix}}, "resourceRules": RULES}
    policy = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": match,
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": ADDS}}],
    }
    injection.apply(
        {**group, "kind": "MutatingAdmissionPolicy", "spec": policy},
        {**group, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": name}},
    )
    kinds = [f"mutatingadmissionpolicy{kind}/{name}" for kind in ("", "binding")]
    try:
        injection.until("another policy is in force", lambda: "other-init" in injection.ask(pod()).stdout)
        yield
    finally:
        injection.cluster.run_kubectl("delete", "--ignore-not-found", *kinds).checked()
        injection.until("another policy is gone", lambda: "other-init" not in injection.ask(pod()).stdout)


@pytest.mark.parametrize("name", ["aa-before-ours", "zz-after-ours"])
async def test_containers_that_another_policy_adds_get_it_too(
    name: str, admin: KubeClient, injection: Injection
) -> None:
    """Policies are called in the order of their names."""
    with another(injection, name):
        given = await made(admin, injection, pod())
    everyone = [*given["spec"]["initContainers"], *given["spec"]["containers"]]
    assert [each["name"] for each in everyone] == ["keypool-relay", "other-init", "app", "other"]
    names = [[entry["name"] for entry in each["env"]] for each in everyone[1:]]
    assert names == [["OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY"]] * 3
