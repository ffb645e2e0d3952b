"""What /metrics tells of pools and keys, in a running operator."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from keypool_client.relay.metrics import Metrics
from keypool_lab.alerts import RULES
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually


async def shows(operator: Operator, text: str, *, present: bool = True) -> None:
    """Waits until /metrics has, or has not, this text in it."""

    async def found() -> bool:
        return (text in operator.replica.metrics.text().decode()) is present

    await eventually(found, 15, f"{text}: {present}")


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
