"""A provider whose credential is an OAuth client: pools share its token, and its mistakes are said plainly."""

from typing import Any

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.running import Clock
from tests.cluster.team import PROVIDER, Team, condition_in, pool_manifest, provider_manifest, secret_manifest, to
from tests.contract.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer, serving
from tests.waiting import eventually


def client_secret(value: str, simulator: Simulator, server: OAuthServer) -> dict[str, Any]:
    """The Secret with the OAuth client."""
    return secret_manifest("oauth-client", to(simulator.url, server.url), clientId=CLIENT_ID, clientSecret=value)


def oauth_provider(simulator: Simulator, server: OAuthServer) -> dict[str, Any]:
    """The test's provider with that client."""
    return provider_manifest(
        simulator.url, auth={"oauth2": {"tokenURL": server.url, "secretRef": {"name": "oauth-client"}}}
    )


async def provider_condition(team: Team, kind: str, reason: str, deadline: float = 10) -> dict[str, Any]:
    """The provider's condition, as soon as it has the reason."""

    async def found() -> dict[str, Any]:
        provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
        condition = condition_in(provider, kind)
        return condition if condition.get("reason") == reason else {}

    return await eventually(found, deadline, f"the provider is {kind} with {reason}")


@pytest.mark.usefixtures("bystander")
async def test_pools_share_the_token_of_their_provider(team: Team, simulator: Simulator) -> None:
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        await team.apply(client_secret(CLIENT_SECRET, simulator, server), oauth_provider(simulator, server))
        await team.apply(*(pool_manifest(name) for name in ("one", "two", "three")))
        for name in ("one", "two", "three"):
            await team.ready(name)
        assert len(server.asked) == 1


@pytest.mark.usefixtures("bystander")
async def test_a_wrong_client_is_told_and_a_right_one_taken_without_a_restart(team: Team, simulator: Simulator) -> None:
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        await team.apply(client_secret("wrong", simulator, server), oauth_provider(simulator, server), pool_manifest())
        told = await provider_condition(team, "Stalled", "CredentialRejected")
        assert "fetch an OAuth token" in told["message"]
        assert "invalid_client" in told["message"]
        await team.apply(client_secret(CLIENT_SECRET, simulator, server))
        await team.ready()


@pytest.mark.usefixtures("bystander")
async def test_a_missing_entry_of_the_client_is_named(team: Team, simulator: Simulator, clock: Clock) -> None:
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        secret = secret_manifest("oauth-client", to(simulator.url, server.url), clientId=CLIENT_ID)
        await team.apply(secret, oauth_provider(simulator, server))
        await provider_condition(team, "Reconciling", "CredentialMissing")
        await team.outlasts_its_grace(clock)
        told = await provider_condition(team, "Stalled", "CredentialMissing")
        assert 'Secret "oauth-client" has no entry "clientSecret"' in told["message"]


@pytest.mark.usefixtures("bystander")
async def test_a_token_that_was_revoked_early_costs_one_new_token_and_no_alarm(
    team: Team, simulator: Simulator
) -> None:
    """Refused with 403: rotations go on with the next token, and nobody is asked for anything."""
    async with serving(OAuthServer(lambda: simulator.admin_key, expires_in=86_400)) as server:
        await team.apply(client_secret(CLIENT_SECRET, simulator, server), oauth_provider(simulator, server))
        await team.apply(*(pool_manifest(name) for name in ("one", "two", "three")))
        before = {name: (await team.ready(name), await team.value(name))[1] for name in ("one", "two", "three")}
        simulator.faults.add(Fault(kind="status", match="create", status=403, when="before", count=1))
        async with team.history(paths.pools(team.namespace), "one") as seen:
            await team.annotate("one", rotate="now")
            await team.changes(before["one"], "one", 20)
        assert not any(condition_in(version, "Stalled") for version in seen)
        for name in ("two", "three"):
            await team.annotate(name, rotate="now")
            await team.changes(before[name], name)
        assert len(server.asked) == 2


@pytest.mark.usefixtures("bystander")
async def test_a_client_that_may_list_and_not_create_makes_the_provider_not_ready_until_it_may(
    team: Team, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind="status", match="create", status=403, when="before"))
    async with serving(OAuthServer(lambda: simulator.admin_key)) as server:
        await team.apply(
            client_secret(CLIENT_SECRET, simulator, server), oauth_provider(simulator, server), pool_manifest()
        )
        told = await provider_condition(team, "Ready", "CredentialRejected", 20)
        assert told["status"] == "False"
        assert "create a key: the provider answered 403" in told["message"]
        assert "check its rights (scopes)" in told["message"]
        await team.has("chat", "Stalled", "True", "KeyRefused")
        simulator.faults.clear()
        await team.ready(deadline=40)
        await provider_condition(team, "Ready", "ProviderReady")
        assert len(server.asked) <= 5
