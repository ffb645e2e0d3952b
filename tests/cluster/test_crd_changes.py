"""What a pool or provider is bound to cannot be changed under it; everything else can."""

from typing import Any

import pytest

from tests.cluster.crd_manifests import Manifest, pool, provider, stream
from tests.conftest import Kubectl

ELSEWHERE = [{"url": "https://elsewhere.example.com/v1"}]
REFUSED: dict[str, tuple[Manifest, Manifest, str]] = {
    "provider": (
        pool(),
        pool(providerRef={"name": "other"}),
        'spec.providerRef.name: Invalid value: "other": is immutable, because keys belong to one account',
    ),
    "provider-kind": (
        pool(),
        pool(providerRef={"name": "holysheep", "kind": "ClusterKeyProvider"}),
        "spec.providerRef.kind: Invalid value",
    ),
    "secret-renamed": (
        pool(secret={"name": "a"}),
        pool(secret={"name": "b"}),
        "spec.secret.name: Invalid value: is immutable",
    ),
    "secret-named": (pool(), pool(secret={"name": "a"}), "spec.secret.name: Invalid value: is immutable"),
    "secret-unnamed": (pool(secret={"name": "a"}), pool(), "spec.secret.name: Invalid value: is immutable"),
    "pool-secret-renamed": (
        pool(secret={"poolName": "a"}),
        pool(secret={"poolName": "b"}),
        "spec.secret.poolName: Invalid value: is immutable",
    ),
    "pool-secret-named": (
        pool(),
        pool(secret={"poolName": "a"}),
        "spec.secret.poolName: Invalid value: is immutable",
    ),
    "kind": (provider(), provider(holySheep=None, liteLLM={}), "the kind of provider is immutable"),
    "team": (
        provider(holySheep=None, liteLLM={"team": "a"}),
        provider(holySheep=None, liteLLM={"team": "b"}),
        "spec.liteLLM.team: Invalid value: is immutable",
    ),
    "workspace": (
        provider(holySheep=None, openRouter={}),
        provider(holySheep=None, openRouter={"workspace": "b"}),
        "spec.openRouter.workspace: Invalid value: is immutable",
    ),
    "project": (
        provider(holySheep=None, openAI={"project": "a"}),
        provider(holySheep=None, openAI={"project": "b"}),
        "spec.openAI.project: Invalid value: is immutable",
    ),
}
ACCEPTED: dict[str, tuple[Manifest, Manifest]] = {
    "size": (pool(), pool(size=5)),
    "scopes": (pool(key={"scopes": ["a", "b"]}), pool(key={"scopes": ["c"]})),
    "entries": (pool(), pool(secret={"keys": {"apiKey": "OPENAI_API_KEY"}})),
    "suspend": (pool(), pool(suspend=True)),
    "deletion-policy": (pool(), pool(deletionPolicy="Retain")),
    "credential": (provider(), provider(auth={"secretRef": {"name": "other", "key": "token"}})),
    "provider-kind-spelt-out": (pool(), pool(providerRef={"name": "holysheep", "kind": "KeyProvider"}, size=3)),
    "options": (provider(), provider(holySheep={"listsNames": True})),
    "endpoint-that-never-worked": (provider(), provider(endpoints=ELSEWHERE)),
}

ITS_OWN = [{"url": "https://api.holysheep.ai/v1"}]
REACHED = {
    "another": (provider(), provider(endpoints=ELSEWHERE), False),
    "given": (provider(endpoints=None), provider(endpoints=ELSEWHERE), False),
    "left-out": (provider(endpoints=ELSEWHERE), provider(endpoints=None), False),
    "spelt-out": (provider(endpoints=None), provider(endpoints=ITS_OWN), True),
    "by-default": (provider(endpoints=ITS_OWN), provider(endpoints=None), True),
}


async def change(kubectl: Kubectl, before: Manifest, after: Manifest) -> Any:
    """Apply one, then the other."""
    (await kubectl("apply", "--filename=-", stdin=stream(before))).checked()
    return await kubectl("apply", "--filename=-", stdin=stream(after))


@pytest.mark.parametrize("case", REFUSED)
async def test_what_it_is_bound_to_stays(kubectl: Kubectl, case: str) -> None:
    """The message names the field."""
    before, after, message = REFUSED[case]
    assert message in (await change(kubectl, before, after)).stderr


@pytest.mark.parametrize("case", ACCEPTED)
async def test_everything_else_may_change(kubectl: Kubectl, case: str) -> None:
    """An update is no creation: it is taken."""
    before, after = ACCEPTED[case]
    assert (await change(kubectl, before, after)).checked().endswith("configured\n")


@pytest.mark.parametrize("case", REACHED)
async def test_endpoints_at_which_the_provider_was_reached_stay(kubectl: Kubectl, case: str) -> None:
    before, after, same = REACHED[case]
    (await kubectl("apply", "--filename=-", stdin=stream(before))).checked()
    said = ("--subresource=status", "--type=merge", "--patch", '{"status": {"reached": true}}')
    (await kubectl("patch", "keyprovider", before["metadata"]["name"], *said)).checked()
    answer = await kubectl("apply", "--filename=-", stdin=stream(after))
    assert ("spec.endpoints: Invalid value" in answer.stderr) is not same
    assert answer.stdout.endswith("configured\n") is same


async def test_scaling_to_nonsense_is_refused(kubectl: Kubectl) -> None:
    """`kubectl scale` obeys the limits of spec.size."""
    (await kubectl("apply", "--filename=-", stdin=stream(pool()))).checked()
    refused = await kubectl("scale", "akp/chat", "--replicas=0")
    assert "spec.size in body should be greater than or equal to 1" in refused.stderr


@pytest.mark.parametrize("manifest", [pool(rotation={"evry": "1h"}), provider(openAi={})], ids=["field", "kind"])
async def test_an_unknown_field_is_refused_by_name(kubectl: Kubectl, manifest: Manifest) -> None:
    """Neither a misspelt field nor a kind of provider that does not exist is dropped in silence."""
    field = "spec.openAi" if manifest["kind"] == "KeyProvider" else "spec.rotation.evry"
    refused = await kubectl("apply", "--filename=-", stdin=stream(manifest))
    assert f'unknown field "{field}"' in refused.stderr
