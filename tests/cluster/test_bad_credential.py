"""A provider object or admin credential that is wrong: said plainly, not hammered, mended without a restart."""

import asyncio
import base64
import time

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    ADMIN_ENTRY,
    ADMIN_SECRET,
    PROVIDER,
    Object,
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
    secret_manifest,
    to,
)
from tests.waiting import eventually

WATCHED = 4.0
"""Seconds for which calls are counted where there should be hardly any."""


def credential(simulator: Simulator) -> Object:
    """The admin Secret as it should be."""
    return admin_secret(simulator)


async def provider_says(team: Team, reason: str) -> str:
    """The message of the provider's Stalled condition, as soon as it has this reason."""

    async def stalled() -> str:
        provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
        found = condition_in(provider, "Stalled")
        return found.get("message", "") if found.get("reason") == reason else ""

    return await eventually(stalled, 10, f"the provider is Stalled: {reason}")


@pytest.mark.usefixtures("bystander")
async def test_a_pool_waits_for_the_provider_that_it_names(team: Team, simulator: Simulator, clock: Clock) -> None:
    await team.apply(pool_manifest())
    await team.has("chat", "Reconciling", "True", "ProviderNotFound")
    await team.outlasts_its_grace(clock)
    stalled = await team.has("chat", "Stalled", "True", "ProviderNotFound")
    assert stalled["message"] == f"there is no KeyProvider {PROVIDER} in namespace {team.namespace}"
    await team.apply(credential(simulator), provider_manifest(simulator.url))
    await team.ready()
    assert await team.condition("chat", "Stalled") == {}


@pytest.mark.usefixtures("bystander")
async def test_a_missing_admin_secret_is_named_and_may_come_later(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(provider_manifest(simulator.url), pool_manifest())
    await team.has("chat", "Reconciling", "True", "ProviderNotReady")
    await team.outlasts_its_grace(clock)
    missing = f'there is no Secret "{ADMIN_SECRET}" in namespace "{team.namespace}"'
    assert await provider_says(team, "CredentialMissing") == missing
    stalled = await team.has("chat", "Stalled", "True", "ProviderNotReady")
    assert f"KeyProvider {PROVIDER}: {missing}" in stalled["message"]
    await team.apply(credential(simulator))
    await team.ready()


@pytest.mark.usefixtures("bystander")
async def test_a_missing_entry_is_named_together_with_those_that_exist(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    secret = secret_manifest(ADMIN_SECRET, to(simulator.url), token="canary-1", password="canary-2")
    await team.apply(secret, provider_manifest(simulator.url), pool_manifest())
    await team.has("chat", "Reconciling", "True", "ProviderNotReady")
    await team.outlasts_its_grace(clock)
    message = await provider_says(team, "CredentialMissing")
    assert message == f'Secret "{ADMIN_SECRET}" has no entry "{ADMIN_ENTRY}" (its entries: password, token)'
    await team.apply(credential(simulator))
    await team.ready()


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    "content",
    [b"", b"  \n", b"\xff\xfe\x00binary", b"two\nlines-of-canary", "schlüssel-canary".encode()],
    ids=["empty", "blank", "binary", "two lines", "not ASCII"],
)
async def test_a_credential_that_is_no_text_is_refused_without_being_shown(
    team: Team, simulator: Simulator, content: bytes
) -> None:
    secret = secret_manifest(ADMIN_SECRET, to(simulator.url)) | {
        "data": {ADMIN_ENTRY: base64.b64encode(content).decode()}
    }
    await team.apply(secret, provider_manifest(simulator.url), pool_manifest())
    message = await provider_says(team, "CredentialMissing")
    assert ADMIN_ENTRY in message
    assert "canary" not in message
    assert simulator.record.calls() == ()
    await team.apply(credential(simulator))
    await team.ready()


@pytest.mark.usefixtures("bystander")
async def test_a_wrong_admin_key_is_told_not_hammered_and_mended_in_place(team: Team, simulator: Simulator) -> None:
    secret = secret_manifest(ADMIN_SECRET, to(simulator.url), **{ADMIN_ENTRY: "a-wrong-admin-key"})
    await team.apply(secret, provider_manifest(simulator.url), pool_manifest())
    assert "401" in await provider_says(team, "CredentialRejected")
    await team.has("chat", "Stalled", "True", "ProviderNotReady")
    since = time.time()
    await asyncio.sleep(WATCHED)
    assert len(simulator.record.calls(since=since)) <= 3
    await team.apply(credential(simulator))
    await team.ready()
    assert simulator.record.mutations() == {"created": 1}


@pytest.mark.usefixtures("bystander")
async def test_an_admin_key_that_is_revoked_stops_rotations_and_harms_no_published_key(
    provider: str, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    values = await team.values()
    await simulator.set_admin_key("another-admin-key")
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Stalled", "True", "ProviderNotReady")
    since = time.time()
    await asyncio.sleep(WATCHED)
    assert len(simulator.record.calls(since=since)) <= 4
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    assert await team.values() == values
    assert {key.value for key in simulator.record.live_keys()} == values
    await team.apply(credential(simulator))
    await eventually(lambda: _disjoint(team, values), 15, "both keys are rotated")


async def _disjoint(team: Team, before: set[str]) -> bool:
    now = await team.values()
    return len(now) == 2 and not now & before


async def test_plain_http_is_refused_where_the_administrator_does_not_allow_it(
    make_operator: OperatorMaker, team: Team, simulator: Simulator
) -> None:
    strict: Operator = make_operator("strict")
    strict.settings = strict.settings.model_copy(update={"allow_insecure_endpoints": False})
    await strict.start()
    await team.apply(credential(simulator), provider_manifest(simulator.url), pool_manifest())
    assert "https" in await provider_says(team, "EndpointRefused")
    await team.has("chat", "Stalled", "True", "ProviderNotReady")
    assert simulator.record.calls() == ()


@pytest.mark.usefixtures("provider", "bystander")
async def test_a_credential_that_may_list_and_not_create_is_not_hammered(team: Team, simulator: Simulator) -> None:
    """Each refused create makes keypool look at the provider, which is content: that must not start the next one."""
    simulator.faults.add(Fault(kind="status", match="create", status=401, when="before"))
    await team.apply(pool_manifest())
    await team.has("chat", "Healthy", "False", "CredentialRejected")
    await asyncio.sleep(WATCHED)
    assert 2 <= len(simulator.record.calls("create")) <= 5
    simulator.faults.clear()
    await team.ready()


@pytest.mark.usefixtures("provider", "bystander")
@pytest.mark.parametrize("status", [401, 403])
async def test_a_provider_that_refuses_every_create_is_not_said_to_be_ready(
    team: Team, simulator: Simulator, status: int
) -> None:
    """It lists keys for the credential, and what works once more ends it."""
    simulator.faults.add(Fault(kind="status", match="create", status=status, when="before"))
    await team.apply(pool_manifest())
    assert "refuses this call: check its rights" in await provider_says(team, "CredentialRejected")
    provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
    assert condition_in(provider, "Ready")["status"] == "False"
    await team.has("chat", "Stalled", "True")
    simulator.faults.clear()
    await team.ready(deadline=30)
    await eventually(lambda: _provider_is_ready(team), 10, "the provider is Ready again")


async def _provider_is_ready(team: Team) -> bool:
    provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
    return condition_in(provider, "Ready").get("status") == "True"
