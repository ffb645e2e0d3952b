"""The custom resources as a person meets them in kubectl."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from keypool.api.pool_status import ApiKeyPoolStatus, Binding, Counts, Effective, Handled, KeyStatus, NextRotation
from keypool.api.status import Condition, KeyProviderStatus, ProviderCapabilities
from tests.cluster.crd_manifests import Manifest, cluster_provider, held, holder, pool, provider, stream
from tests.conftest import Kubectl

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
READY = Condition(
    type="Ready", status="True", reason="Published", message="2 keys are published.", last_transition_time=NOON
)
POOL_STATUS = ApiKeyPoolStatus(
    observed_generation=1,
    conditions=(READY,),
    next_action="rotate slot 1 at 2026-11-24 12:00Z",
    next_rotation=NextRotation(at=NOON, slot=1, why="every 24h"),
    keys_summary="2/2",
    replicas=2,
    counts=Counts(published=2),
    primary_fingerprint="0123456789ab",
    keys=(
        KeyStatus(
            name="kp.shop.chat.abc.0123456789",
            slot=0,
            state="active",
            primary=True,
            fingerprint="0123456789ab",
            created_at=NOON,
            expires_at=NOON,
        ),
    ),
    binding=Binding(name="chat-credentials"),
    handled=Handled(rotate="2026-11-23"),
    effective=Effective(
        lifetime="720h",
        every="24h",
        renew_before="1h",
        overlap_min="10m",
        quiet="1h",
        max_surge=1,
        probe_every="5m",
        failure_threshold=3,
    ),
)
PROVIDER_STATUS = KeyProviderStatus(
    observed_generation=1,
    conditions=(READY,),
    capabilities=ProviderCapabilities(
        lists_keys=True,
        lists_names=False,
        lists_values=True,
        sets_expiry=True,
        sets_rate_limit=True,
        sets_scopes=True,
        deletes_keys=True,
        activation_lag="0s",
        listing_lag="0s",
        max_lifetime="720h",
    ),
)


async def apply(kubectl: Kubectl, *manifests: Manifest, server_side: bool = False) -> str:
    """What `kubectl apply` says."""
    flags = ["--server-side"] if server_side else []
    return (await kubectl("apply", *flags, "--filename=-", stdin=stream(*manifests))).checked()


async def read(kubectl: Kubectl, what: str) -> dict[str, Any]:
    """The object as the API server holds it."""
    answer: dict[str, Any] = json.loads((await kubectl("get", what, "--output=json")).checked())
    return answer


async def report(kubectl: Kubectl, what: str, status: dict[str, Any]) -> None:
    """Write a status, as the operator does."""
    patch = json.dumps({"status": status})
    (await kubectl("patch", what, "--subresource=status", "--type=merge", f"--patch={patch}")).checked()


async def test_an_empty_pool_gets_the_defaults_of_the_schema(kubectl: Kubectl) -> None:
    """Structural defaults appear; tunables stay open, so that a later release may improve them."""
    await apply(kubectl, pool())
    assert (await read(kubectl, "akp/chat"))["spec"] == {
        "providerRef": {"kind": "KeyProvider", "name": "holysheep"},
        "size": 2,
        "key": {},
        "rotation": {},
        "secret": {
            "keys": {"apiKey": "apiKey", "baseURL": "baseURL"},
            "creationPolicy": "Owner",
            "followEndpoint": False,
        },
        "health": {},
        "deletionPolicy": "Revoke",
        "suspend": False,
    }


async def test_half_given_parts_are_completed(kubectl: Kubectl) -> None:
    """A default deep in a part that was given is filled in too."""
    await apply(kubectl, pool(secret={"keys": {"apiKey": "OPENAI_API_KEY"}}))
    secret = (await read(kubectl, "akp/chat"))["spec"]["secret"]
    assert secret["keys"] == {"apiKey": "OPENAI_API_KEY", "baseURL": "baseURL"}


async def test_a_provider_gets_its_defaults(kubectl: Kubectl) -> None:
    """The entry of the admin Secret, and the options of the kind."""
    await apply(kubectl, provider())
    spec = (await read(kubectl, "kpv/holysheep"))["spec"]
    assert (spec["auth"]["secretRef"]["key"], spec["holySheep"]) == ("adminKey", {"listsNames": False})


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("apikeypool", "A pool of API keys at one provider"),
        ("apikeypool.spec", "each field says whether a change rotates"),
        ("apikeypool.spec.rotation.every", "it moves the next rotation"),
        ("apikeypool.spec.key.scopes", "A change rotates the keys."),
        ("apikeypool.spec.size", "default 2"),
        ("apikeypool.spec.suspend", "default false"),
        ("apikeypool.spec.deletionPolicy", "Revoke (default)"),
        ("apikeypool.status.nextAction", "What happens next"),
        ("keyprovider.spec.endpoints.url", "Immutable once the provider was reached: it"),
    ],
)
async def test_explain_tells_what_a_change_does(kubectl: Kubectl, field: str, words: str) -> None:
    """`kubectl explain` is all the help that many people will look for."""
    assert words in " ".join((await kubectl("explain", field)).checked().split())


async def test_the_table_tells_health_and_what_happens_next(kubectl: Kubectl) -> None:
    """One line of at most 100 columns for a pool with ordinary names."""
    await apply(kubectl, pool("chat-frontend"))
    await report(kubectl, "akp/chat-frontend", POOL_STATUS.dump())
    head, line = (await kubectl("get", "akp")).checked().splitlines()
    assert head.split() == ["NAME", "READY", "KEYS", "SECRET", "NEXT", "AGE"]
    shown = " ".join(line.split()).rsplit(" ", 1)[0]
    assert shown == "chat-frontend True 2/2 chat-credentials rotate slot 1 at 2026-11-24 12:00Z"
    assert len(line.rstrip()) <= 100


async def test_the_wide_table_tells_why(kubectl: Kubectl) -> None:
    """Provider, primary key, reason and message."""
    await apply(kubectl, pool())
    await report(kubectl, "akp/chat", POOL_STATUS.dump())
    table = (await kubectl("get", "akp", "--output=wide")).checked()
    for text in ("holysheep", "0123456789ab", "2026-11-24T12:00:00Z", "Published", "2 keys are published."):
        assert text in table


async def test_a_provider_shows_health_reason_and_endpoint(kubectl: Kubectl) -> None:
    """`kubectl get kpv`: one line of at most 100 columns, also with what is odd although it is Ready."""
    await apply(kubectl, provider())
    await report(kubectl, "kpv/holysheep", PROVIDER_STATUS.dump() | {"note": "endpoint 2 of 2 in use"})
    _, line = (await kubectl("get", "kpv")).checked().splitlines()
    assert line.split()[:4] == ["holysheep", "True", "Published", "https://api.example.com/v1"]
    assert "endpoint 2 of 2 in use" in line
    assert len(line.rstrip()) <= 100


async def test_a_provider_of_the_cluster_shows_the_same(kubectl: Kubectl, namespace: str) -> None:
    """`kubectl get ckp`, without a namespace."""
    await apply(kubectl, cluster_provider(namespace))
    try:
        await report(kubectl, f"ckp/{namespace}", PROVIDER_STATUS.dump())
        table = (await kubectl("get", "ckp", namespace)).checked().splitlines()
    finally:
        (await kubectl("delete", "ckp", namespace)).checked()
    assert table[1].split()[:4] == [namespace, "True", "Published", "https://api.example.com/v1"]


@pytest.mark.parametrize(
    ("what", "status"), [("akp/chat", POOL_STATUS.dump()), ("kpv/holysheep", PROVIDER_STATUS.dump())], ids=str
)
async def test_a_full_status_is_kept_as_it_was_written(kubectl: Kubectl, what: str, status: dict[str, Any]) -> None:
    """The schema neither refuses nor prunes anything that the status models write, and adds nothing."""
    await apply(kubectl, pool(), provider())
    await report(kubectl, what, status)
    assert (await read(kubectl, what))["status"] == status


async def test_a_holder_shows_which_pod_holds_which_keys(kubectl: Kubectl) -> None:
    """`kubectl get kh`: in all of its pools, and how many were rejected."""
    manifest = holder("web-1", held("chat", "k1", "k2", rejected=("k2",)), held("batch", "k3"))
    manifest["spec"]["summary"] = {"pools": "batch, chat", "keys": 3, "rejected": 1, "ids": "k1, k2, k3"}
    del manifest["metadata"]["ownerReferences"]  # there is no such pod, and the garbage collector runs
    await apply(kubectl, manifest)
    head, line = (await kubectl("get", "kh")).checked().splitlines()
    assert head.split() == ["NAME", "POOLS", "KEYS", "REJECTED", "AGE"]
    assert line.split()[:-1] == ["web-1", "batch,", "chat", "3", "1"]
    _, wide = (await kubectl("get", "kh", "--output=wide")).checked().splitlines()
    assert wide.split()[-3:] == ["k1,", "k2,", "k3"]


async def test_the_category_lists_both_kinds(kubectl: Kubectl) -> None:
    """`kubectl get keypool`."""
    await apply(kubectl, pool(), provider())
    names = (await kubectl("get", "keypool", "--output=name")).checked().split()
    assert sorted(names) == ["apikeypool.keypool.dev/chat", "keyprovider.keypool.dev/holysheep"]


async def test_scale_changes_the_size(kubectl: Kubectl) -> None:
    """`kubectl scale`, and the scale subresource tells how many keys are published."""
    await apply(kubectl, pool())
    await report(kubectl, "akp/chat", POOL_STATUS.dump())
    (await kubectl("scale", "akp/chat", "--current-replicas=2", "--replicas=3")).checked()
    scale = json.loads((await kubectl("get", "akp/chat", "--subresource=scale", "--output=json")).checked())
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (3, 2)


async def test_pools_are_selected_by_provider(kubectl: Kubectl) -> None:
    """Which pools hold keys of this provider?"""
    await apply(kubectl, pool("a"), pool("b", providerRef={"name": "other"}))
    found = await kubectl("get", "akp", "--field-selector=spec.providerRef.name=other", "--output=name")
    assert found.checked().split() == ["apikeypool.keypool.dev/b"]


@pytest.mark.parametrize("server_side", [False, True], ids=["apply", "server-side"])
@pytest.mark.parametrize("manifest", [pool(size=3, key={"scopes": ["b", "a"]}), provider()], ids=["pool", "provider"])
async def test_the_same_manifest_again_changes_nothing(kubectl: Kubectl, manifest: Manifest, server_side: bool) -> None:
    """Not even the resourceVersion."""
    what = f"{manifest['kind']}/{manifest['metadata']['name']}"
    await apply(kubectl, manifest, server_side=server_side)
    await report(kubectl, what, {"observedGeneration": 1})
    before = await read(kubectl, what)
    await apply(kubectl, manifest, server_side=server_side)
    assert (await read(kubectl, what))["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_status_in_a_manifest_is_not_taken(kubectl: Kubectl) -> None:
    """Status belongs to its subresource. Before the operator has seen the object, it is in progress for tools."""
    await apply(kubectl, {**pool(), "status": {"replicas": 7}})
    assert (await read(kubectl, "akp/chat"))["status"] == {"observedGeneration": -1}
