"""A credential of another account changes nothing until a person confirms it; a new one is proven before it is used."""

from datetime import timedelta

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Record, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    ADMIN_ENTRY,
    PROVIDER,
    Object,
    Team,
    allowing,
    condition_in,
    pool_manifest,
    secret_manifest,
)
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

AT_ONCE = {"probeEvery": "5s", "failureThreshold": 1}


async def use(team: Team, secret: str, admin_key: str) -> None:
    """Somebody points the provider object to another Secret."""
    path = paths.provider(team.namespace, PROVIDER)
    await team.apply(secret_manifest(secret, allowing(await team.client.get(path)), **{ADMIN_ENTRY: admin_key}))
    await team.client.patch(path, {"spec": {"auth": {"secretRef": {"name": secret}}}})


async def confirm(team: Team, token: str) -> None:
    """Somebody confirms that the account is another one."""
    annotations = {"keypool.dev/confirm-account": token}
    await team.client.patch(paths.provider(team.namespace, PROVIDER), {"metadata": {"annotations": annotations}})


async def says(team: Team, ready: str, stalled: str | None) -> Object:
    """The KeyProvider's Stalled condition, as soon as it has this reason and Ready this status."""
    found: Object = {}

    async def holds() -> bool:
        nonlocal found
        provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
        found = condition_in(provider, "Stalled")
        return condition_in(provider, "Ready").get("status") == ready and found.get("reason") == stalled

    await eventually(holds, 10, f"the provider is Ready={ready}, Stalled {stalled}")
    return found


async def rotated(team: Team, token: str) -> set[str]:
    """The pool's values after a rotation that somebody asks for."""
    before = await team.values()
    await team.annotate("chat", rotate=token)

    async def all_new() -> bool:
        now = await team.values()
        return len(now) == len(before) and not now & before

    await eventually(all_new, 15, "all keys are rotated")
    return await team.values()


async def test_another_accounts_credential_is_not_used_until_a_person_confirms_it(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers
) -> None:
    other = await simulator.open_account("another-accounts-key")
    await team.apply(pool_manifest(size=2, health=AT_ONCE))
    await team.ready()
    clock.advance(timedelta(seconds=10))  # beyond the listing lag
    await use(team, "second", "another-accounts-key")
    stalled = await says(team, "True", "AccountChanged")
    assert "keypool.dev/confirm-account" in stalled["message"]
    assert "stays in use" in stalled["message"]
    values = await rotated(team, "with the credential before")
    assert {key.value for key in simulator.record.live_keys()} >= values

    await operator.restart()
    clock.advance(timedelta(seconds=10))
    await says(team, "False", "AccountChanged")
    before = (simulator.record.mutations(), await ledgers.keys())
    await team.annotate("chat", rotate="not now")
    clock.advance(timedelta(minutes=11))  # beyond the overlap of the keys that drain
    await team.poke()
    await team.has("chat", "Stalled", "True", "ProviderNotReady")
    await team.considered()
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    assert simulator.record.mutations() == before[0]
    assert other.keys() == ()
    assert {key["name"] for key in await ledgers.keys()} == {key["name"] for key in before[1]}, "none is forgotten"
    assert await team.values() == values

    await confirm(team, "moved")
    await says(team, "True", None)
    await team.patch("chat", health=AT_ONCE)
    await eventually(lambda: _moved(team, clock, other, 2), 20, "all keys are of the other account")
    await eventually(lambda: _settled(team, clock, ledgers), 20, "the keys of the account before are forgotten")
    assert simulator.record.mutations() == before[0], "nothing was changed in the account before"

    clock.advance(timedelta(seconds=10))
    await use(team, "first", simulator.admin_key)
    await says(team, "True", "AccountChanged")
    await operator.restart()
    await says(team, "False", "AccountChanged")
    assert len(other.live_keys()) == 2, "a token works once, and after a restart too"


async def _moved(team: Team, clock: Clock, other: Record, count: int) -> bool:
    clock.advance(timedelta(seconds=6))
    await team.poke()
    values = await team.values()
    return len(values) == count and values <= {key.value for key in other.live_keys()}


async def _settled(team: Team, clock: Clock, ledgers: Ledgers) -> bool:
    clock.advance(timedelta(seconds=6))
    await team.poke()
    return [key["state"] for key in await ledgers.keys()] == ["active", "active"]


@pytest.mark.usefixtures("operator")
async def test_a_new_credential_is_proven_before_the_one_before_is_given_up(
    team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    await use(team, "wrong", "a-wrong-admin-key")
    stalled = await says(team, "True", "CredentialRejected")
    assert "stays in use" in stalled["message"]
    table = (await team.kubectl("get", "keyprovider", PROVIDER)).splitlines()[1].split()
    assert (table[1], "CredentialRejected" in table) == ("True", True)
    assert (await team.told("CredentialRejected", PROVIDER))["type"] == "Warning"
    listings = len(simulator.record.calls("list"))
    await rotated(team, "with the credential before")
    assert len(simulator.record.calls("list")) - listings <= 2, "a refused credential is not hammered"

    simulator.accept_also("a-good-admin-key")
    await use(team, "good", "a-good-admin-key")
    await says(team, "True", None)
    await simulator.set_admin_key("the-key-before-is-dead")
    clock.advance(timedelta(minutes=11))  # beyond the overlap of the keys that drain
    await rotated(team, "with the new credential")
    await says(team, "True", None)
