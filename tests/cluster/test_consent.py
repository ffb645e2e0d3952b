"""A Secret is used only as it says itself: whoever may make providers and pools gets at no Secret of the namespace."""

import io
from datetime import timedelta
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.reconcile import consenting
from keypool_lab.simulator import Options, Simulator
from tests.cluster.people import MINE, KeyMaker, static_pool
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    ADMIN_ENTRY,
    ADMIN_SECRET,
    PROVIDER,
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
    secret_manifest,
    to,
)
from tests.contract.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer, serving
from tests.upstreams.plain import Plain
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

CANARY = "canary-of-somebody-else"


async def provider_says(team: Team, ready: str, reason: str | None) -> str:
    """The message of the provider's condition Stalled, as soon as it has this reason and Ready this status."""
    found: dict[str, Any] = {}

    async def holds() -> bool:
        nonlocal found
        provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
        found = condition_in(provider, "Stalled")
        return condition_in(provider, "Ready").get("status") == ready and found.get("reason") == reason

    await eventually(holds, 20, f"the provider is Ready={ready}, Stalled {reason}")
    return str(found.get("message", ""))


async def allow(team: Team, name: str, text: str | None) -> None:
    """Somebody changes what a Secret allows."""
    change = {"metadata": {"annotations": {"keypool.dev/allow": text}}}
    await team.client.patch(paths.secret(team.namespace, name), change)


async def test_a_secret_that_names_no_host_is_sent_nowhere_and_the_message_is_the_line_that_mends_it(
    team: Team, simulator: Simulator, logs: io.StringIO
) -> None:
    secret = secret_manifest(ADMIN_SECRET, **{ADMIN_ENTRY: simulator.admin_key, CANARY: CANARY})
    await team.apply(secret, provider_manifest(simulator.url), pool_manifest())
    said = await provider_says(team, "False", "ConsentMissing")
    stalled = await team.has("chat", "Stalled", "True", "ProviderNotReady")
    assert said in stalled["message"]
    assert simulator.record.calls() == ()
    assert CANARY not in said + logs.getvalue()
    command = said.rpartition("Its owner can: kubectl ")[2]
    await team.kubectl(*command.split())
    await team.ready()


async def test_another_endpoint_gets_no_credential_that_is_meant_for_the_provider_of_that_name(
    team: Team, simulator: Simulator
) -> None:
    async with Simulator(Options()) as evil:
        await team.apply(admin_secret(simulator), provider_manifest(evil.url, caBundle=None), pool_manifest())
        said = await provider_says(team, "False", "ConsentMissing")
        assert to(evil.url) in said
        assert evil.record.calls() == ()


async def test_a_token_url_that_the_secret_does_not_name_gets_nothing_and_what_was_in_use_stays(
    team: Team, simulator: Simulator
) -> None:
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server, serving(OAuthServer(lambda: "")) as evil:
        allowed = to(simulator.url, server.url)
        await team.apply(secret_manifest("client", allowed, clientId=CLIENT_ID, clientSecret=CLIENT_SECRET))
        auth = {"tokenURL": server.url, "secretRef": {"name": "client"}}
        await team.apply(provider_manifest(simulator.url, auth={"oauth2": auth}), pool_manifest())
        await team.ready()
        change = {"spec": {"auth": {"oauth2": {"tokenURL": evil.url}}}}
        await team.client.patch(paths.provider(team.namespace, PROVIDER), change)
        said = await provider_says(team, "True", "ConsentMissing")
        assert to(evil.url) in said
        assert "stays in use" in said
        before = await team.value()
        await team.annotate("chat", rotate="now")
        await team.changes(before)
        assert not evil.asked


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "kubernetes.io/basic-auth"])
async def test_a_secret_of_another_type_is_no_credential_even_where_it_says_so(
    team: Team, simulator: Simulator, kind: str
) -> None:
    secret = secret_manifest(ADMIN_SECRET, to(simulator.url), username="a", password=CANARY)
    if "token" in kind:
        await team.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}})
        secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] = "robot"
    await team.apply({**secret, "type": kind})
    await team.apply(provider_manifest(simulator.url), pool_manifest())
    assert "it must be Opaque" in await provider_says(team, "False", "ConsentMissing")
    assert simulator.record.calls() == ()


async def test_a_published_secret_is_no_credential(team: Team, simulator: Simulator, provider: str) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await allow(team, "chat", to(simulator.url, provider="second"))
    auth = {"secretRef": {"name": "chat", "key": "apiKey"}}
    second = provider_manifest(simulator.url, auth=auth)
    second["metadata"]["name"] = "second"
    await team.apply(second, pool_manifest("other", providerRef={"name": "second"}))
    stalled = await team.has("other", "Stalled", "True", "ProviderNotReady")
    assert "Secret chat is one that keypool writes" in stalled["message"]


async def test_withdrawn_consent_stops_new_keys_at_once_and_those_that_exist_are_probed_and_revoked(
    *,
    team: Team,
    simulator: Simulator,
    provider: str,
    operator: Operator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also after a restart, with what was kept."""
    monkeypatch.setattr(consenting, "AT_ONCE", 0.0)
    await team.apply(pool_manifest(health={"probeEvery": "5s"}))
    await team.ready()
    value = await team.value()
    await allow(team, ADMIN_SECRET, None)
    await team.annotate("chat", rotate="now")
    stalled = await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert f"KeyProvider {provider}: Secret {ADMIN_SECRET} does not say" in stalled["message"]
    assert "no key is made" in await provider_says(team, "False", "ConsentMissing")
    assert simulator.record.mutations() == {"created": 1}
    assert await team.value() == value
    uses = len(simulator.record.calls("validate"))

    async def probed() -> bool:
        clock.advance(timedelta(seconds=6))
        await team.poke()
        return len(simulator.record.calls("validate")) > uses

    await eventually(probed, 15, "the key is probed")

    await operator.restart()
    await provider_says(team, "False", "ConsentMissing")
    await team.delete()
    await team.gone(deadline=30)
    assert not simulator.record.live_keys()
    assert simulator.record.mutations() == {"created": 1, "deleted by api": 1}


async def test_consent_that_comes_back_is_noticed_without_a_restart(
    team: Team, simulator: Simulator, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consenting, "AT_ONCE", 0.0)
    await team.apply(pool_manifest())
    await team.ready()
    before = await team.value()
    await allow(team, ADMIN_SECRET, None)
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Stalled", "True", "ConsentMissing")
    await allow(team, ADMIN_SECRET, to(simulator.url))
    await provider_says(team, "True", None)
    assert await team.changes(before) in {key.value for key in simulator.record.live_keys()}


async def test_values_are_taken_only_by_the_pool_that_their_secret_names(
    team: Team, person: KeyMaker, console: Plain
) -> None:
    value = await person.make()
    secret = secret_manifest(MINE, "pool/other", one=value)
    secret["stringData"][CANARY] = CANARY
    await team.apply(secret, static_pool())
    stalled = await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert "keypool.dev/allow=OLD,pool/chat@http://127.0.0.1:" in stalled["message"]
    assert CANARY not in stalled["message"]
    assert await team.keys() == []
    await allow(team, MINE, "pool/chat")
    await team.client.patch(paths.secret(team.namespace, MINE), {"data": {CANARY: None}})
    await team.poke()
    await team.ready()
    assert await team.value() == value


async def test_values_that_are_for_one_host_are_not_sent_to_another(team: Team, person: KeyMaker) -> None:
    await team.apply(
        secret_manifest(MINE, "pool/chat@https://api.deepseek.com", one=await person.make()), static_pool()
    )
    await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert await team.keys() == []


async def test_values_whose_consent_is_withdrawn_stay_published_and_are_probed(team: Team, person: KeyMaker) -> None:
    value = await person.make()
    await team.apply(secret_manifest(MINE, "pool/chat", one=value), static_pool())
    await team.ready()
    await allow(team, MINE, None)
    await person.put(two=await person.make())
    await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert await team.value() == value
    assert [key["label"] for key in await team.keys()] == ["one"]


TARGET = "target"
INTO = {"name": TARGET, "creationPolicy": "Adopt"}


async def test_values_that_people_supply_go_into_a_secret_that_allows_it_and_out_of_it_again(
    team: Team, person: KeyMaker, console: Plain
) -> None:
    """Each of the two Secrets says so for itself."""
    value = await person.make()
    await team.apply(secret_manifest(TARGET, "", precious="theirs"))
    await team.apply(secret_manifest(MINE, "pool/chat", one=value), static_pool(secret=INTO))
    stalled = await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert f"secret {TARGET} " in stalled["message"]
    assert await team.secret_data(TARGET) == {"precious": "theirs"}
    await allow(team, TARGET, "pool/chat")
    await team.poke()
    await team.ready()
    assert await team.secret_data(TARGET) == {"precious": "theirs", "apiKey": value, "baseURL": console.url}
    await allow(team, MINE, None)
    await person.put(two=await person.make())
    stalled = await team.has("chat", "Stalled", "True", "ConsentMissing")
    assert f"secret {MINE} " in stalled["message"]
    assert (await team.secret_data(TARGET))["apiKey"] == value
    await team.delete()
    await team.gone(deadline=30)
    assert await team.secret_data(TARGET) == {"precious": "theirs"}
    assert "one" in await team.secret_data(MINE)


async def test_a_pool_does_not_write_into_a_secret_that_another_pool_reads(team: Team, person: KeyMaker) -> None:
    value = await person.make()
    await team.apply(secret_manifest(MINE, "pool/chat, pool/second", one=value), static_pool())
    await team.ready()
    second = static_pool(secret={"name": MINE, "creationPolicy": "Adopt"}, keysFrom={"secretRef": {"name": "others"}})
    second["metadata"]["name"] = "second"
    await team.apply(second)
    stalled = await team.has("second", "Stalled", "True", "SecretForeign")
    assert "is one that a pool's keysFrom names" in stalled["message"]
    assert await team.secret_data(MINE) == {"one": value}


@pytest.mark.usefixtures("provider")
async def test_a_pool_that_is_retained_leaves_its_keys_in_the_secret_that_it_took_over_and_no_mark(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(secret_manifest(TARGET, "pool/chat", precious="theirs"))
    await team.apply(pool_manifest(secret=INTO, deletionPolicy="Retain"))
    await team.ready()
    data = await team.secret_data(TARGET)
    assert data["precious"] == "theirs"
    await team.delete()
    await team.gone(deadline=30)
    assert await team.secret_data(TARGET) == data
    metadata = (await team.secret(TARGET) or {})["metadata"]
    marks = [name for part in ("labels", "annotations") for name in metadata.get(part) or {} if "keypool.dev" in name]
    assert marks == ["keypool.dev/allow"], "its owner's word stays"
    assert not metadata.get("ownerReferences")
    assert [key.value for key in simulator.record.live_keys()] == [data["apiKey"]]


@pytest.mark.usefixtures("provider")
async def test_a_secret_that_was_taken_over_and_deleted_is_written_as_the_pools_own_and_retained_with_its_key(
    team: Team, simulator: Simulator
) -> None:
    """It is written as the pool's own while the pool lives, and stays as nobody's: its value would else be lost."""
    await team.apply(secret_manifest(TARGET, "pool/chat", precious="theirs"))
    await team.apply(pool_manifest(secret=INTO, deletionPolicy="Retain"))
    await team.ready()
    value = (await team.secret_data(TARGET))["apiKey"]
    await team.client.delete(paths.secret(team.namespace, TARGET))

    async def is_back() -> bool:
        return (await team.secret_data(TARGET)).get("apiKey") == value

    await eventually(is_back, 15, "the Secret is there again")
    await team.delete()
    await team.gone(deadline=30)
    assert (await team.secret_data(TARGET))["apiKey"] == value
    assert not (await team.secret(TARGET) or {})["metadata"].get("ownerReferences")
    assert [key.value for key in simulator.record.live_keys()] == [value]
