"""Pools of several namespaces in one account: who gets keys, as whom, how many; and what narrowing leaves alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.publisher import Publisher
from keypool.core.limits import Identity
from keypool.reconcile import pace
from keypool_lab.simulator import Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, to
from tests.cluster.tenancy.shared import CREDENTIAL, TEAM_LABEL, Account, Notes, settled, tenant
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

AS_LABELLED = {"team": {"fromNamespaceLabel": TEAM_LABEL}}


async def test_a_pool_in_a_tenants_namespace_gets_a_key_that_works(
    team: Team, account: Account, simulator: Simulator
) -> None:
    await account.open(tenant(team.namespace))
    await team.apply(account.pool())
    await team.ready()
    assert await works(simulator, await team.value())
    await account.has("Ready", "True", "ProviderReady")


async def test_a_pool_elsewhere_is_refused_and_told_whom_to_ask(
    team: Team, elsewhere: Team, account: Account, simulator: Simulator
) -> None:
    await account.open(tenant(team.namespace))
    await elsewhere.apply(account.pool())
    text = f"namespace {elsewhere.namespace} is no tenant of ClusterKeyProvider {account.name}: an administrator has to"
    await elsewhere.has("chat", "Stalled", "True", "NotATenant", saying=text)
    await elsewhere.has("chat", "Ready", "False", "NotATenant")
    assert simulator.record.mutations() == {}
    assert await elsewhere.secret() is None


async def test_without_tenants_nobody_is_served_until_there_is_one(team: Team, account: Account) -> None:
    await account.open()
    await team.apply(account.pool())
    await team.has("chat", "Stalled", "True", "NotATenant")
    await account.serve(tenant(team.namespace))
    await team.ready()


async def test_the_metrics_show_its_endpoint_and_that_no_look_at_it_failed(
    team: Team, account: Account, operator: Operator
) -> None:
    await account.open(tenant(team.namespace))
    await account.has("Ready", "True", "ProviderReady")

    async def shown() -> bool:
        return f'keyprovider="{account.name}",namespace=""' in text_of(operator)

    await eventually(shown, 10, "the endpoint is shown")
    looks = [line for line in text_of(operator).splitlines() if line.startswith("keypool_reconcile_seconds_count")]
    assert [line for line in looks if 'kind="provider"' in line and 'outcome="ok"' not in line] == []


def text_of(operator: Operator) -> str:
    """The replica's metrics."""
    return operator.replica.metrics.text().decode()


@pytest.mark.parametrize("label", [None, ""])
async def test_a_label_that_is_missing_or_empty_makes_no_key_until_it_is_an_id(
    team: Team, account: Account, notes: Notes, label: str | None, clock: Clock
) -> None:
    """One that is missing may come yet; one that is empty is wrong."""
    await account.label(team.namespace, label)
    await account.open(tenant(team.namespace, identity=AS_LABELLED), kind="webhook")
    await team.apply(account.pool())
    said = f"label {TEAM_LABEL} of namespace {team.namespace} is"
    if label is None:
        await team.has("chat", "Reconciling", "True", "TenantIdentity", saying=said)
        await team.outlasts_its_grace(clock)
    await team.has("chat", "Stalled", "True", "TenantIdentity", saying=said)
    assert notes.identities == []
    await account.label(team.namespace, "team-7")
    await team.ready()
    assert notes.identities == [Identity(team="team-7")]


async def test_another_label_rotates_the_keys_for_the_new_identity(team: Team, account: Account, notes: Notes) -> None:
    await account.label(team.namespace, "before")
    await account.open(tenant(team.namespace, identity=AS_LABELLED), kind="webhook")
    await team.apply(account.pool())
    await team.ready()
    value = await team.value()
    await account.label(team.namespace, "after")
    await team.changes(value)
    assert notes.identities == [Identity(team="before"), Identity(team="after")]


async def test_when_the_tenant_goes_its_keys_stay_and_none_is_made(
    team: Team, account: Account, simulator: Simulator
) -> None:
    await account.open(tenant(team.namespace))
    await team.apply(account.pool())
    await team.ready()
    value = await team.value()
    await account.serve()
    await team.has("chat", "Stalled", "True", "NotATenant")
    await team.annotate("chat", rotate="now")
    await settled(team)
    assert await team.value() == value
    assert await works(simulator, value)
    assert simulator.record.mutations() == {"created": 1}
    await account.serve(tenant(team.namespace))
    await team.changes(value)


@pytest.mark.row("ACTIVE", "UNREPLACED")
async def test_when_the_tenant_went_a_leaked_key_is_still_revoked(
    team: Team, account: Account, simulator: Simulator
) -> None:
    await account.open(tenant(team.namespace))
    await team.apply(account.pool())
    await team.ready()
    await account.serve()
    await team.has("chat", "Stalled", "True", "NotATenant")
    await team.annotate("chat", compromised="all@1")

    async def revoked() -> bool:
        return not simulator.record.live_keys()

    await eventually(revoked, 15, "the key is revoked")
    await team.has("chat", "Ready", "False")
    assert simulator.record.mutations() == {"created": 1, "deleted by api": 1}


async def test_when_the_tenant_went_its_pool_is_deleted_with_its_keys(
    team: Team, account: Account, simulator: Simulator
) -> None:
    await account.open(tenant(team.namespace))
    await team.apply(account.pool(size=2))
    await team.ready()
    await account.serve()
    await team.has("chat", "Stalled", "True", "NotATenant")
    await team.delete()
    await team.gone()
    assert not simulator.record.live_keys()


async def test_the_newest_pool_over_the_limit_waits_until_an_older_one_goes(
    team: Team, elsewhere: Team, account: Account
) -> None:
    both = {"name": "both", "namespaceSelector": {}, "limits": {"pools": 1}}
    await account.open(both)
    await team.apply(account.pool("first"))
    made = datetime.fromisoformat((await team.ready("first"))["metadata"]["creationTimestamp"])
    # The API server tells ages in whole seconds, and of two pools of one second the UIDs decide.
    await eventually(lambda: _is_over(made + timedelta(seconds=1)), 5, "the second of its creation is over")
    await elsewhere.apply(account.pool("second"))
    said = "this is pool 2 of the tenant, by age, and 1 are allowed"
    await elsewhere.has("second", "Stalled", "True", "TenantLimit", saying=said)
    await team.delete("first")
    await team.gone("first")
    await elsewhere.poke("second")
    await elsewhere.ready("second")


async def test_a_pool_that_asks_for_too_much_is_refused_by_field_and_corrected(team: Team, account: Account) -> None:
    await account.open(tenant(team.namespace, limits={"keys": 2, "maxLifetime": "24h"}))
    await team.apply(account.pool(size=3, key={"lifetime": "48h"}))
    await team.has("chat", "Stalled", "True", "TenantLimit", saying="spec.key.lifetime: 48h is in force, and 24h is")
    await team.patch("chat", key={"lifetime": "24h"})
    await team.has("chat", "Stalled", "True", "TenantLimit", saying="spec.size: 3 is asked for, and 2 of the tenant's")
    await team.patch("chat", size=2)
    await team.ready()


async def test_a_pool_that_is_refused_before_it_has_a_key_costs_no_look_at_its_secret(
    team: Team, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such pools come by the thousand, and each is looked at when the operator starts."""
    looked, real = list[str](), Publisher.read

    async def read(self: Publisher, namespace: str, name: str) -> dict[str, Any] | None:
        if namespace == team.namespace:  # the pools of other tests go meanwhile, and are looked at
            looked.append(name)
        return await real(self, namespace, name)

    monkeypatch.setattr(Publisher, "read", read)
    await account.open(tenant(team.namespace, limits={"keys": 1}))
    await team.apply(account.pool("large", size=2))
    await team.has("large", "Stalled", "True", "TenantLimit", saying="spec.size: 2 is asked for")
    assert looked == []
    await team.patch("large", size=1)
    await team.ready("large")
    assert "large" in looked


async def test_the_credential_is_read_in_the_operators_namespace_and_missed_by_an_event(
    team: Team, account: Account, system: str
) -> None:
    await account.open(tenant(team.namespace))
    await account.has("Ready", "True", "ProviderReady")
    await account.client.patch(account.path, {"spec": {"auth": {"secretRef": {"name": "another"}}}})
    said = await account.has("Stalled", "True", "CredentialMissing")
    assert f'no Secret "another" in namespace "{system}"' in said["message"]

    async def told() -> bool:
        events = [event async for event in account.client.list(paths.events("default"))]
        about = [event["regarding"] for event in events if event["reason"] == "CredentialMissing"]
        return ("ClusterKeyProvider", account.name) in {(each["kind"], each["name"]) for each in about}

    await eventually(told, 10, "an Event about the provider")


async def test_keys_are_revoked_after_the_provider_object_went_and_the_operator_was_restarted(
    team: Team, account: Account, simulator: Simulator, operator: Operator, notes: Notes
) -> None:
    await account.open(tenant(team.namespace))
    await team.apply(account.pool())
    await team.ready()
    await account.client.delete(account.path)
    said = f"there is no ClusterKeyProvider {account.name}"
    await team.has("chat", "Stalled", "True", "ProviderNotFound", saying=said)
    await operator.stop()
    notes.tenanted.clear()
    await operator.start()
    await team.delete()
    await team.gone()
    assert not simulator.record.live_keys()
    assert notes.tenanted == [True], "its client still looks for keys wherever tenants may have them"


async def test_another_accounts_credential_is_not_used_until_the_administrator_confirms_it(
    team: Team, account: Account, simulator: Simulator, clock: Clock
) -> None:
    other = await simulator.open_account("another-accounts-key")
    await account.open(tenant(team.namespace))
    await team.apply(account.pool())
    await team.ready()
    value = await team.value()
    clock.advance(timedelta(seconds=10))  # beyond the listing lag
    await account.use("second", "another-accounts-key")
    await account.has("Stalled", "True", "AccountChanged")
    assert await team.value() == value
    await account.confirm("yes-1")
    await team.changes(value)
    assert await team.value() in {key.value for key in other.live_keys()}


async def _is_over(moment: datetime) -> bool:
    return datetime.now(UTC) > moment


async def test_a_pool_that_is_too_many_gives_its_namespace_no_room_for_keys(
    team: Team, account: Account, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FREE", 0)
    monkeypatch.setattr(pace, "TIMES", 1)
    await account.open(tenant(team.namespace, limits={"pools": 1}))
    await team.apply(account.pool())
    await team.ready()
    await team.apply(account.pool("second", size=50))
    await team.has("second", "Stalled", "True", "TenantLimit")
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Reconciling", "True", "NewKeysPaced")
    assert simulator.record.mutations() == {"created": 1}


async def test_a_credential_beside_the_operator_is_used_for_no_cluster_key_provider_that_it_does_not_name(
    team: Team, account: Account, simulator: Simulator
) -> None:
    await account.open(tenant(team.namespace))
    path = paths.secret(account.system, CREDENTIAL)
    await account.client.patch(path, {"metadata": {"annotations": {"keypool.dev/allow": to(simulator.url)}}})
    await team.apply(account.pool())
    lacking = f"--overwrite keypool.dev/allow=OLD,{to(simulator.url, provider=account.name)}, where OLD"
    stalled = await account.has("Stalled", "True", "ConsentMissing", lacking)
    assert f"kubectl annotate secret {CREDENTIAL} --namespace {account.system}" in stalled["message"]
    await team.has("chat", "Stalled", "True", saying=lacking)
    assert simulator.record.mutations() == {}
    word = {"metadata": {"annotations": {"keypool.dev/allow": to(simulator.url, provider=account.name)}}}
    await account.client.patch(path, word)
    await team.ready(deadline=30)
