"""The client against a real API server."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from keypool.cluster.pieces import FIRST
from keypool.cluster.secret_view import secret_view
from keypool_lab.controlplane import Cluster
from tests.conftest import Kubectl
from tests.waiting import eventually

CANARY = "canary-c0ffee"


@pytest.fixture
async def client(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    client = await KubeClient.connect(str(control_plane.admin_kubeconfig))
    yield client
    await client.close()


def secret(name: str = "s", **labels: str) -> dict[str, Any]:
    """A Secret."""
    data = {"apiKey": base64.b64encode(CANARY.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "data": data}


async def test_an_object_lives_from_create_to_delete(client: KubeClient, namespace: str) -> None:
    path = paths.secret(namespace, "s")
    made = await client.create(paths.secrets(namespace), secret())
    with pytest.raises(AlreadyExists):
        await client.create(paths.secrets(namespace), secret())
    replaced = await client.replace(path, {**made, "data": {}})
    assert "data" not in await client.get(path)
    with pytest.raises(Conflict):
        await client.replace(path, {**made, "data": {}})
    with pytest.raises(Conflict):
        await client.delete(path, uid="another")
    with pytest.raises(Conflict):
        await client.delete(path, resource_version=made["metadata"]["resourceVersion"])
    await client.delete(path, replaced["metadata"]["uid"], replaced["metadata"]["resourceVersion"])
    with pytest.raises(NotFound):
        await client.get(path)


async def test_a_dry_run_creates_nothing(client: KubeClient, namespace: str) -> None:
    await client.create(paths.secrets(namespace), secret(), dry_run=True)
    with pytest.raises(NotFound):
        await client.get(paths.secret(namespace, "s"))


async def test_apply_owns_what_it_names_and_takes_away_what_it_no_longer_names(
    client: KubeClient, namespace: str
) -> None:
    path = paths.secret(namespace, "s")
    await client.apply(path, secret(ours="1", also="1"))
    await client.patch(
        path, {"metadata": {"labels": {"ours": "edited", "theirs": "1"}}}, "application/merge-patch+json"
    )
    view = secret_view(await client.apply(path, secret(ours="1")))
    assert view.labels == {"ours": "1", "theirs": "1"}
    assert "ours" in view.managed_labels


async def test_a_list_in_pages_has_everything_once(client: KubeClient, namespace: str) -> None:
    for number in range(FIRST + 5):
        await client.create(paths.secrets(namespace), secret(f"s{number:02}", wanted=str(number // (FIRST + 3))))
    pages = [page async for page in client.pages(paths.secrets(namespace), name_of, "wanted=0")]
    assert [len(page.items) for page in pages] == [FIRST, 3]
    assert [name for page in pages for name in page.items] == [f"s{number:02}" for number in range(FIRST + 3)]
    assert len({page.version for page in pages}) == 1
    assert [item["metadata"]["name"] async for item in client.list(paths.secrets(namespace), "wanted=1")] == [
        f"s{FIRST + 3}",
        f"s{FIRST + 4}",
    ]


def name_of(item: dict[str, Any]) -> str:
    """What the test keeps."""
    return str(item["metadata"]["name"])


async def test_a_refusal_names_the_field_and_quotes_no_value(client: KubeClient, namespace: str) -> None:
    body = secret() | {"data": {f"../{CANARY[:6]}": "eA=="}, "type": "kubernetes.io/tls"}
    with pytest.raises(Invalid) as caught:
        await client.create(paths.secrets(namespace), body)
    assert "FieldValueRequired" in str(caught.value)
    with pytest.raises(Invalid) as caught:
        await client.create(paths.secrets(namespace), secret() | {"data": {"a": f"{CANARY}!"}})
    assert CANARY not in f"{caught.value!r} {vars(caught.value)}"


async def test_a_namespace_that_is_being_deleted_is_told_apart(client: KubeClient, kubectl: Kubectl) -> None:
    doomed = await client.create(paths.namespaces(), {"metadata": {"generateName": "doomed-"}})
    name = doomed["metadata"]["name"]
    held = secret() | {"metadata": {"name": "held", "finalizers": ["keypool.dev/test"]}}
    await client.create(paths.secrets(name), held)
    await client.delete(paths.namespace(name))

    async def refused() -> Forbidden | None:
        try:
            await client.create(paths.secrets(name), secret(), dry_run=True)
        except Forbidden as error:
            return error
        return None

    try:
        error = await eventually(refused, 10)
        assert error is not None
        assert error.namespace_terminating
    finally:
        await client.patch(paths.secret(name, "held"), {"metadata": {"finalizers": None}})


async def test_a_quota_is_told_apart(client: KubeClient, namespace: str, kubectl: Kubectl) -> None:
    """The quota's status is set here because the control plane may run without a quota controller."""
    (await kubectl("create", "quota", "q", "--hard=secrets=0")).checked()
    full = {"status": {"hard": {"secrets": "0"}, "used": {"secrets": "0"}}}
    await client.patch(f"/api/v1/namespaces/{namespace}/resourcequotas/q/status", full)
    numbers = iter(range(10_000))

    async def refused() -> Forbidden | None:
        try:
            await client.create(paths.secrets(namespace), secret(f"s{next(numbers)}"))
        except Forbidden as error:
            return error
        return None

    error = await eventually(refused, 10)
    assert error is not None
    assert error.quota_exceeded
    assert not error.namespace_terminating


async def test_a_service_accounts_token_is_taken_and_its_limits_are_told(
    control_plane: Cluster, client: KubeClient, namespace: str, kubectl: Kubectl
) -> None:
    (await kubectl("create", "serviceaccount", "nobody")).checked()
    limited = await KubeClient.connect(str(await control_plane.kubeconfig_for(namespace, "nobody")))
    try:
        with pytest.raises(Forbidden) as caught:
            await limited.get(paths.secret(namespace, "s"))
        assert not caught.value.namespace_terminating
    finally:
        await limited.close()
