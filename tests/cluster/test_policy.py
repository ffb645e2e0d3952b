"""The operator's account writes its own Secrets and no other: the API server holds it to that, whatever RBAC allows."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists, Forbidden, KubeError
from keypool.cluster.held import WritesHeld
from tests.cluster.conftest import OperatorMaker
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually

TOKEN = "kubernetes.io/service-account-token"
PUBLISHED = {"keypool.dev/published": "true", "keypool.dev/pool-uid": "0b9a7e0c-0000-4000-8000-000000000000"}
RECORD = "keypool-ledger-0b9a7e0c-0000-4000-8000-000000000000"
OWNER = {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "name": "chat", "uid": "0b9a7e0c"}
Object = dict[str, Any]


def secret(name: str = "web", kind: str = "Opaque", **metadata: Any) -> Object:
    """A Secret with one entry."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, **metadata},
        "stringData": {"entry": "theirs"},
    }


@pytest.fixture
async def account(kubeconfig: Path, system: str) -> AsyncIterator[KubeClient]:
    """A client with the operator's own account, once the policy is in force."""
    client = await KubeClient.connect(str(kubeconfig))
    try:
        await in_force(client, system)
        yield client
    finally:
        await client.close()


async def in_force(client: KubeClient, system: str) -> None:
    """The API server takes up a new policy after a moment."""
    held = WritesHeld(client, system)

    async def refused() -> bool:
        await held.look()
        return held.held is True

    await eventually(refused, 20, "the policy is in force")


REFUSED: dict[str, Object] = {
    "a token of a service account": secret(
        kind=TOKEN, annotations={"kubernetes.io/service-account.name": "default"}, labels=PUBLISHED
    ),
    "a Secret of another type": secret(kind="example.com/other", labels=PUBLISHED),
    "a Secret without our label": secret(),
    "a Secret whose label says no": secret(labels={"keypool.dev/published": "false"}),
    "a Secret that says that a pool owns it": secret(ownerReferences=[OWNER]),
    "a Secret that consents": secret(annotations={"keypool.dev/allow": "pool/chat"}),
    "a record outside the operator's namespace": secret(RECORD, "keypool.dev/ledger"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_such_a_secret_is_not_made(what: str, account: KubeClient, team: Team) -> None:
    with pytest.raises(Forbidden, match="denied by ValidatingAdmissionPolicy keypool-"):
        await account.create(paths.secrets(team.namespace), REFUSED[what])


@pytest.mark.parametrize(
    "body",
    [secret("keypool-notes"), secret(f"{RECORD}-2", "keypool.dev/ledger"), secret(RECORD, TOKEN)],
    ids=["a name of nothing", "a name with more", "a type of another"],
)
async def test_beside_the_ledgers_there_is_nothing_but_records(account: KubeClient, system: str, body: Object) -> None:
    if body["type"] == TOKEN:
        body["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "keypool"}
    with pytest.raises(Forbidden, match="denied by ValidatingAdmissionPolicy keypool-"):
        await account.create(paths.secrets(system), body)


async def test_its_own_records_and_published_secrets_are_written_and_deleted(
    account: KubeClient, team: Team, system: str
) -> None:
    for namespace, body in ((system, secret(RECORD, "keypool.dev/ledger")), (team.namespace, secret(labels=PUBLISHED))):
        stored = await account.create(paths.secrets(namespace), body)
        name = stored["metadata"]["name"]
        await account.replace(paths.secret(namespace, name), stored)
        await account.delete(paths.secret(namespace, name))


OTHERS: dict[str, Object] = {
    "plain": secret(),
    "of another owner": secret(ownerReferences=[{**OWNER, "apiVersion": "v1", "kind": "ConfigMap"}]),
    "of another type": secret(kind="example.com/other", labels=PUBLISHED, ownerReferences=[OWNER]),
    "a credential": secret(annotations={"keypool.dev/allow": "provider/pool/@https://api.example.com"}),
}


async def stored_for(team: Team, body: Object) -> Object:
    """Made by somebody else. Its owner is there, else it would be collected as garbage."""
    owners = [dict(owner) for owner in body["metadata"].get("ownerReferences") or ()]
    for owner in owners:
        is_pool = owner["kind"] == "ApiKeyPool"
        where = paths.pools(team.namespace) if is_pool else f"/api/v1/namespaces/{team.namespace}/configmaps"
        owner_body = pool_manifest() if is_pool else {"metadata": {"name": "chat"}}
        try:
            found = await team.client.create(where, owner_body)
        except AlreadyExists:
            found = await team.client.get(f"{where}/chat")
        owner["uid"] = found["metadata"]["uid"]
    metadata = {**body["metadata"], **({"ownerReferences": owners} if owners else {})}
    return await team.client.create(paths.secrets(team.namespace), {**body, "metadata": metadata})


@pytest.mark.parametrize("what", OTHERS)
async def test_a_secret_of_others_is_neither_changed_nor_deleted(what: str, account: KubeClient, team: Team) -> None:
    """It cannot be made ours by the very write that takes it."""
    stored = await stored_for(team, OTHERS[what])
    path = paths.secret(team.namespace, "web")
    taken = {**stored, "metadata": {**stored["metadata"], "labels": PUBLISHED}}
    with pytest.raises(Forbidden, match="ValidatingAdmissionPolicy"):
        await account.replace(path, taken)
    with pytest.raises(Forbidden, match="ValidatingAdmissionPolicy"):
        await account.delete(path)


OURS: dict[str, Object] = {
    "has our label": secret(labels=PUBLISHED),
    "lost its labels to a tenant": secret(ownerReferences=[OWNER]),
    "lost its owner and one label": secret(labels={"keypool.dev/pool-uid": "0b9a7e0c"}),
    "consents to be adopted": secret(annotations={"keypool.dev/allow": "pool/chat"}),
    "consents to more than that": secret(
        annotations={"keypool.dev/allow": "provider/p@https://api.example.com, pool/chat"}
    ),
}


@pytest.mark.parametrize("what", OURS)
async def test_what_was_ours_is_written_and_deleted_whatever_it_becomes(
    what: str, account: KubeClient, team: Team
) -> None:
    """Else whoever removes a label would stop the answer to a leak, and a Secret could not be given back."""
    stored = await stored_for(team, OURS[what])
    path, metadata = paths.secret(team.namespace, "web"), dict(stored["metadata"])
    for part in ("labels", "annotations", "ownerReferences"):
        metadata.pop(part, None)
    ours = stored["metadata"]
    again = await account.replace(path, {**stored, "metadata": {**ours, "labels": PUBLISHED}})
    await account.replace(path, {**stored, "metadata": {**metadata, "resourceVersion": _version(again)}})
    await team.client.delete(path)
    await stored_for(team, OURS[what])
    await account.delete(path)


def _version(obj: Object) -> str:
    return str(obj["metadata"]["resourceVersion"])


async def test_it_holds_no_other_lease(account: KubeClient, system: str) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "another"}}
    with pytest.raises(Forbidden, match="ValidatingAdmissionPolicy"):
        await account.create(paths.leases(system), lease)


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("served", ["a chosen namespace", "the whole cluster"])
async def test_a_pool_lives_and_is_given_back_while_the_policy_is_in_force_and_proven(
    served: str, account: KubeClient, make_operator: OperatorMaker, team: Team
) -> None:
    """Its Secret is published, stripped of its labels by a tenant, rotated, and retained without labels and owner."""
    operator = make_operator("one")
    if served == "the whole cluster":
        operator.settings = operator.settings.model_copy(update={"namespaces": ""})
    await operator.start()
    await eventually(lambda: _says(operator.replica.metrics.text(), b"keypool_writes_held 1.0"), 30, "it is proven")
    await team.apply(pool_manifest(deletionPolicy="Retain"))
    await team.ready()
    path = paths.secret(team.namespace, "chat")
    bare = {"metadata": {"labels": dict.fromkeys(("keypool.dev/published", "keypool.dev/pool-uid"))}}
    await team.client.patch(path, bare)
    before = await team.value("chat")
    await team.annotate("chat", rotate="now")
    await eventually(lambda: _rotated(team, before), 30, "the key was rotated")
    await team.client.delete(path)
    await team.client.delete(paths.pool(team.namespace, "chat"))
    retained = await eventually(lambda: _retained(team, path), 30, "the Secret is nobody's")
    assert retained is not None
    assert retained["type"] == "Opaque"
    assert account.connection.server


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("policy", ["Revoke", "Retain"])
async def test_a_secret_is_taken_over_rotated_and_given_back_while_the_policy_is_in_force(
    policy: str, account: KubeClient, make_operator: OperatorMaker, team: Team
) -> None:
    """The operator works under the very account that the policy holds. A tenant takes its labels off meanwhile."""
    operator = make_operator("one")
    await operator.start()
    await eventually(lambda: _says(operator.replica.metrics.text(), b"keypool_writes_held 1.0"), 30, "it is proven")
    await team.client.create(paths.secrets(team.namespace), secret(annotations={"keypool.dev/allow": "pool/chat"}))
    await team.apply(pool_manifest(secret={"name": "web", "creationPolicy": "Adopt"}, deletionPolicy=policy))
    await team.ready()
    taken = await team.secret_data("web")
    assert taken["entry"] == "theirs"
    path = paths.secret(team.namespace, "web")
    bare = {"metadata": {"labels": dict.fromkeys(("keypool.dev/published", "keypool.dev/pool-uid"))}}
    await team.client.patch(path, bare)
    await team.annotate("chat", rotate="now")

    async def rotated() -> bool:
        return (await team.secret_data("web")).get("apiKey") not in {None, taken["apiKey"]}

    await eventually(rotated, 30, "the key was rotated")
    await team.ready()
    before = await team.secret_data("web")
    await team.delete()
    await team.gone(deadline=40)
    assert await team.secret_data("web") == (before if policy == "Retain" else {"entry": "theirs"})
    left = (await team.client.get(path))["metadata"]
    assert not [key for key in left.get("labels") or {} if key.startswith("keypool.dev/")]
    assert list(left["annotations"]) == ["keypool.dev/allow"]
    assert account.connection.server


@pytest.mark.usefixtures("provider")
async def test_a_secret_whose_owner_took_back_all_that_held_it_does_not_hold_the_pool_under_the_policy(
    account: KubeClient, make_operator: OperatorMaker, team: Team
) -> None:
    operator = make_operator("one")
    await operator.start()
    await team.client.create(paths.secrets(team.namespace), secret(annotations={"keypool.dev/allow": "pool/chat"}))
    await team.apply(pool_manifest(secret={"name": "web", "creationPolicy": "Adopt"}))
    await team.ready()
    before = await team.secret_data("web")
    ours = ("keypool.dev/published", "keypool.dev/pool-uid")
    back = {"labels": dict.fromkeys(ours), "annotations": {"keypool.dev/allow": None}}
    await team.client.patch(paths.secret(team.namespace, "web"), {"metadata": back})
    await team.has("chat", "Stalled", "True", "ConsentMissing")
    await team.delete()
    await team.gone(deadline=40)
    assert await team.secret_data("web") == before, "it may not be changed any more"
    note = (await team.told("SecretUnusable"))["note"]
    assert "web (apiKey, baseURL) stays there" in note
    assert account.connection.server


async def _says(text: bytes, line: bytes) -> bool:
    return line in text


async def _rotated(team: Team, before: str | None) -> bool:
    return await team.value("chat") != before


async def _retained(team: Team, path: str) -> Object | None:
    try:
        found = await team.client.get(path)
    except KubeError:
        return None
    ours = [key for key in found["metadata"].get("labels") or {} if key.startswith("keypool.dev/")]
    return found if not ours and not found["metadata"].get("ownerReferences") else None


async def test_a_policy_that_is_gone_is_told(account: KubeClient, team: Team, system: str) -> None:
    """As one that names another account is."""
    held = WritesHeld(account, system)
    await held.look()
    assert held.held is True
    binding = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    await team.client.delete(f"{binding}/keypool-{system}")

    async def is_told() -> bool:
        await held.look()
        return held.held is False

    await eventually(is_told, 20, "nothing holds the account")
