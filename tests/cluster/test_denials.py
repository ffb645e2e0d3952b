"""A real API server refuses a write: who refused it is told by name, and nothing of what was sent."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.denials import denied_by
from keypool.cluster.errors import KubeError
from keypool_lab.controlplane import Cluster
from tests.conftest import Kubectl
from tests.contract.certificates import authority, server_context, serving
from tests.waiting import eventually

CANARY = "canary-c0ffee"
RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["secrets"]}]
Apply = Callable[..., Awaitable[None]]


@pytest.fixture
async def client(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    client = await KubeClient.connect(str(control_plane.admin_kubeconfig))
    yield client
    await client.close()


@pytest.fixture
async def apply(kubectl: Kubectl, namespace: str) -> AsyncIterator[Apply]:
    """Applies an object of admission, named like the namespace; it goes with the test."""
    kinds: list[str] = []

    async def one(kind: str, **fields: Any) -> None:
        kinds.append(kind)
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": namespace}}
        (await kubectl("apply", "-f", "-", stdin=json.dumps({**head, **fields}))).checked()

    yield one
    for kind in kinds:
        await kubectl("delete", kind, namespace, "--ignore-not-found")


def secret(name: str, value: str = CANARY) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"apiKey": value}}


async def refusal(client: KubeClient, namespace: str) -> KubeError:
    """The error of a write that is refused, once it is."""

    async def refused() -> KubeError | None:
        try:
            await client.create(paths.secrets(namespace), secret("s"), dry_run=True)
        except KubeError as error:
            return error
        return None

    error = await eventually(refused, 20, "the write is refused")
    assert error is not None
    assert CANARY not in f"{error} {error!r} {vars(error)}"
    return error


@pytest.mark.parametrize("reason", ["Invalid", "Forbidden", "RequestEntityTooLarge"])
async def test_a_policy_and_its_binding_are_named_whatever_reason_it_gives(
    client: KubeClient, namespace: str, apply: Apply, reason: str
) -> None:
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {"expression": "false", "messageExpression": "string(object.stringData.apiKey)", "reason": reason}
    rule |= {"message": f"no {CANARY}"}
    constraints = {"namespaceSelector": here, "resourceRules": RULES}
    await apply("ValidatingAdmissionPolicy", spec={"matchConstraints": constraints, "validations": [rule]})
    await apply("ValidatingAdmissionPolicyBinding", spec={"policyName": namespace, "validationActions": ["Deny"]})
    error = await refusal(client, namespace)
    assert f"denied by ValidatingAdmissionPolicy {namespace}, binding {namespace}" in str(error)
    assert error.needs_person


async def test_a_mutating_policy_whose_expression_fails_is_named_with_its_binding(
    client: KubeClient, namespace: str, apply: Apply
) -> None:
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    expression = f"""[JSONPatch{{op: "add", path: "/data/x", value: object.metadata.annotations["{CANARY}"]}}]"""
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}
    rules = [{**RULES[0], "operations": ["CREATE"]}]
    constraints = {"namespaceSelector": here, "resourceRules": rules}
    spec = {"failurePolicy": "Fail", "reinvocationPolicy": "Never", "matchConstraints": constraints}
    await apply("MutatingAdmissionPolicy", spec={**spec, "mutations": [mutation]})
    await apply("MutatingAdmissionPolicyBinding", spec={"policyName": namespace})
    error = await refusal(client, namespace)
    assert f"denied by MutatingAdmissionPolicy {namespace}, binding {namespace}" in str(error)
    assert error.needs_person


async def test_a_webhook_that_is_down_is_named_and_may_come_back(
    client: KubeClient, namespace: str, apply: Apply
) -> None:
    hook = {
        "name": "guard.example.com",
        "rules": RULES,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    await apply("ValidatingWebhookConfiguration", webhooks=[hook])
    error = await refusal(client, namespace)
    assert "admission webhook guard.example.com does not answer" in str(error)
    assert not error.needs_person


DENIALS: dict[str, dict[str, Any]] = {
    "without a word": {},
    "with a message that quotes the value": {"status": {"message": f"no {CANARY}\nline"}},
    "as what is wrong in the content": {"status": {"code": 422, "reason": "Invalid", "message": f"no {CANARY}"}},
    "as a conflict": {"status": {"code": 409, "reason": "Conflict", "message": CANARY}},
    "as a failure": {"status": {"code": 500, "reason": "InternalError", "message": f"failed calling {CANARY}"}},
    "as too many requests": {"status": {"code": 429, "reason": "TooManyRequests", "message": CANARY}},
    "with details": {"status": {"details": {"causes": [{"field": CANARY, "reason": CANARY, "message": CANARY}]}}},
}


@pytest.mark.parametrize("denial", DENIALS.values(), ids=DENIALS.keys())
async def test_a_webhook_that_denies_is_named_whatever_it_says(
    client: KubeClient, namespace: str, apply: Apply, tmp_path: Path, *, denial: dict[str, Any]
) -> None:
    signer = authority()
    async with guard(server_context(tmp_path, signer, "localhost"), denial) as port:
        bundle = base64.b64encode(signer.pem.encode()).decode()
        hook = {
            "name": "guard.example.com",
            "rules": RULES,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "clientConfig": {"url": f"https://localhost:{port}/", "caBundle": bundle},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
        }
        await apply("ValidatingWebhookConfiguration", webhooks=[hook])
        error = await refusal(client, namespace)
    assert "denied by admission webhook guard.example.com" in str(error)
    assert error.needs_person


@asynccontextmanager
async def guard(context: ssl.SSLContext, denial: dict[str, Any]) -> AsyncIterator[int]:
    """A webhook on loopback that denies all it is asked; its port."""

    async def deny(request: web.Request) -> web.Response:
        review = await request.json()
        response = {"uid": review["request"]["uid"], "allowed": False, **denial}
        return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})

    app = web.Application()
    app.router.add_post("/{path:.*}", deny)
    async with serving(app, context) as port:
        yield port


async def test_a_quota_is_named(client: KubeClient, namespace: str, kubectl: Kubectl) -> None:
    (await kubectl("create", "quota", "small", "--hard=secrets=0")).checked()
    full = {"status": {"hard": {"secrets": "0"}, "used": {"secrets": "0"}}}
    await client.patch(f"/api/v1/namespaces/{namespace}/resourcequotas/small/status", full)
    error = await refusal(client, namespace)
    assert "denied by ResourceQuota small" in str(error)
    assert error.needs_person


async def test_an_immutable_secret_is_named_with_the_field(client: KubeClient, namespace: str) -> None:
    made = await client.create(paths.secrets(namespace), {**secret("fixed"), "immutable": True})
    with pytest.raises(KubeError) as caught:
        await client.replace(paths.secret(namespace, "fixed"), {**made, "data": {}})
    assert "secrets/fixed: 422 Invalid (data: FieldValueForbidden)" in str(caught.value)
    assert caught.value.needs_person


async def test_a_right_that_lacks_is_named_with_verb_and_resource(client: KubeClient, namespace: str) -> None:
    connection = client.connection
    headers = {"Impersonate-User": "nobody"}
    async with connection.session(1, 10) as session:
        if (authorization := await connection.authorization()) is not None:
            headers["Authorization"] = authorization
        url = connection.server + paths.secrets(namespace)
        async with session.post(url, json=secret("s"), headers=headers) as response:
            answer = await response.json()
    assert denied_by(answer) == "the operator may not create secrets: RBAC"
