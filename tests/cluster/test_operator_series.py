"""What /metrics tells of pools and keys, in a running operator."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from keypool.cluster import paths
from keypool_client.relay.metrics import Metrics
from keypool_lab.alerts import RULES
from keypool_lab.metrics_page import of_operator
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import PROVIDER, Team, pool_manifest
from tests.waiting import eventually


async def shows(operator: Operator, text: str, *, present: bool = True) -> None:
    """Waits until /metrics has, or has not, this text in it."""

    async def found() -> bool:
        return (text in operator.replica.metrics.text().decode()) is present

    await eventually(found, 15, f"{text}: {present}")


async def test_a_running_operator_serves_what_the_page_lists_and_nothing_else(operator: Operator, team: Team) -> None:
    """By name, type and, where there is a series, labels."""
    await team.apply(pool_manifest(providerRef={"name": "nobody"}))
    await shows(operator, 'pool="chat"')
    listed = {name: (kind, labels) for name, kind, labels, _ in of_operator()}
    lines = operator.replica.metrics.text().decode().splitlines()
    types = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE keypool_")}
    shown = {name: kind for name, kind in types.items() if not name.endswith("_created")}
    assert shown == {name: kind for name, (kind, _) in listed.items()}
    for line in lines:
        name, braced, rest = line.partition("{")
        if braced and name in listed and listed[name][0] != "histogram":
            labels = re.findall(r'(\w+)="', rest.rpartition("}")[0])
            assert sorted(labels) == sorted(listed[name][1].split(", ")), line
        assert not line.endswith(" -1.0")


@pytest.mark.usefixtures("provider")
async def test_an_admin_credential_that_is_revoked_is_seen_while_the_pool_still_serves(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock
) -> None:
    """Nobody needs it for a day: keypool asks by itself."""
    await team.apply(pool_manifest())
    await team.ready()
    object_ = f'keyprovider="{PROVIDER}",namespace="{team.namespace}"'
    await shows(operator, f"keypool_provider_credential_accepted{{{object_}}} 1.0")
    assert "keypool_provider_condition{condition=" not in operator.replica.metrics.text().decode()
    simulator.faults.add(Fault(kind="status", match="list", status=401, when="before"))
    clock.advance(timedelta(minutes=5))
    await look_again(team)
    await shows(operator, f"keypool_provider_credential_accepted{{{object_}}} 0.0")
    await shows(operator, f'{{condition="Stalled",{object_},reason="CredentialRejected",status="True"}} 1.0')
    await shows(operator, f'keypool_provider_waits_for{{{object_},who="owner"}} 1.0')
    await shows(operator, f'call="list",{object_},outcome="CredentialRejected",provider="holySheep"}}')
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    await shows(operator, f'keypool_pool_earliest_expiry_timestamp_seconds{{namespace="{team.namespace}",pool="chat"}}')
    simulator.faults.clear()
    await shows(operator, f"keypool_provider_credential_accepted{{{object_}}} 1.0")
    await shows(operator, f'condition="Stalled",{object_}', present=False)


@pytest.mark.usefixtures("provider")
async def test_one_check_without_an_answer_says_nothing_of_the_credential(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    object_ = f'keyprovider="{PROVIDER}",namespace="{team.namespace}"'
    simulator.faults.add(Fault(kind="status", match="list", status=503, when="before"))
    clock.advance(timedelta(minutes=5))
    await look_again(team)
    await shows(operator, f'call="list",{object_},outcome="Ambiguous",provider="holySheep"}}')
    assert f"keypool_provider_ready{{{object_}}} 1.0" in operator.replica.metrics.text().decode()


async def look_again(team: Team) -> None:
    """Has the provider object looked at now, rather than within a minute."""
    path = paths.provider(team.namespace, PROVIDER)
    obj = await team.client.get(path)
    obj["metadata"].setdefault("annotations", {})["example.com/look"] = "again"
    await team.client.replace(path, obj)


ALERTED = (
    "keypool_leader 1.0",
    *(f'keypool_watch_age_seconds{{kind="{kind}"}}' for kind in ("apikeypools", "keyproviders", "secrets")),
    "keypool_resync_age_seconds ",
    "keypool_namespace_served{namespace=",
    "keypool_ledgers_unserved 0.0",
    "keypool_clocks_agree ",
)


async def test_what_alerts_on_the_operator_ask_for_is_there(operator: Operator) -> None:
    """An alert on a series that no operator shows never fires."""
    for series in ALERTED:
        await shows(operator, f"\n{series}")


async def test_the_series_of_a_pool_without_keys_end_with_it(operator: Operator, team: Team) -> None:
    await team.apply(pool_manifest(providerRef={"name": "nobody"}))
    await shows(operator, 'pool="chat"')
    await team.delete()
    await shows(operator, 'pool="chat"', present=False)


def series_of_alerts() -> set[str]:
    """The names of all series of ours that the alert rules look at."""
    files = [yaml.safe_load((Path(__file__).parents[2] / path).read_text()) for path in RULES]
    texts = [rule["expr"] for file in files for group in file["groups"] for rule in group["rules"]]
    return {name for text in texts for name in re.findall(r"(?<![\w:])keypool_\w+", text)}


def test_every_series_that_an_alert_looks_at_is_found_in_the_rules() -> None:
    assert {"keypool_pool_condition", "keypool_rotation_late_since_timestamp_seconds"} <= series_of_alerts()


async def test_every_series_that_an_alert_looks_at_is_one_of_the_operators_or_of_a_relays(operator: Operator) -> None:
    """By its name: a rule that looks for another one would never fire."""
    text = (operator.replica.metrics.text() + generate_latest(Metrics().registry)).decode()
    declared = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    assert series_of_alerts() - declared == set()


@pytest.mark.usefixtures("provider")
async def test_a_pool_that_is_stuck_though_ready_is_seen_in_its_series(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    name = f'namespace="{team.namespace}",pool="chat"'
    await shows(operator, f"keypool_pool_keys_published{{{name}}} 1.0")
    await shows(operator, f"keypool_last_good_probe_timestamp_seconds{{{name}}}")
    await shows(operator, "keypool_pool_condition{", present=False)
    simulator.faults.add(Fault(kind="status", match="create", status=400, when="before"))
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Stalled", "True", "KeyRefused")
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    await shows(operator, f'{{condition="Stalled",{name},reason="KeyRefused",status="True"}} 1.0')
    await shows(operator, f"keypool_rotation_late_since_timestamp_seconds{{{name}}}")
    simulator.faults.clear()
    await team.annotate("chat", rotate="again")
    await shows(operator, f"keypool_last_rotation_timestamp_seconds{{{name}}}")
    await shows(operator, f"keypool_rotation_late_since_timestamp_seconds{{{name}}}", present=False)
    await shows(operator, "keypool_pool_condition{", present=False)


@pytest.mark.usefixtures("provider")
async def test_owed_keys_are_counted_after_their_pool_went(
    operator: Operator, team: Team, simulator: Simulator, clock: Clock
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    await shows(operator, "keypool_keys_owed 0.0")
    simulator.faults.add(Fault(kind="status", match="delete", status=503, when="before"))
    await team.delete()
    clock.advance(timedelta(seconds=61))
    await team.gone()
    await shows(operator, "keypool_keys_owed 2.0")
    await shows(operator, 'pool="chat"', present=False)
    simulator.faults.clear()
    await shows(operator, "keypool_keys_owed 0.0")
