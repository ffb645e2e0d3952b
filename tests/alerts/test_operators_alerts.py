"""What an operator of keypool is told: each alert on its condition, and not before it has lasted."""

from pathlib import Path

from tests.alerts.promtool import LEADER, Rehearsal, pool_series, run
from tests.alerts.troubles import (
    HOURS,
    MINUTES,
    OF_OWNERS,
    ORDINARY,
    PATIENCE,
    TROUBLE,
    UNSERVED,
    WELL,
    always,
    condition,
)


def test_trouble_that_lasts_is_told(promtool: Path, tmp_path: Path) -> None:
    """Each by its alert, and no other."""
    rehearsals = []
    for alert, series in TROUBLE.items():
        rehearsal = Rehearsal(series, step=1, name=alert)
        rehearsal.never("", PATIENCE[alert] / 60)
        rehearsal.fired(f'alertname="{alert}"', 0, HOURS)
        rehearsal.never(f'alertname!="{alert}"', HOURS)
        rehearsals.append(rehearsal)
    assert run(rehearsals, promtool, tmp_path) == ""


def test_an_operator_that_is_not_reached_is_told(promtool: Path, tmp_path: Path) -> None:
    """Without any series there is nobody who could say that nobody leads."""
    rehearsal = Rehearsal({LEADER: [None] * MINUTES}, step=1)
    rehearsal.fired('alertname="KeypoolNobodyLeads"', 0, HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_what_the_owner_of_a_pool_has_to_mend_pages_nobody_else(promtool: Path, tmp_path: Path) -> None:
    rehearsals = []
    for alert, series in OF_OWNERS.items():
        rehearsal = Rehearsal(series, step=1, name=alert)
        rehearsal.fired(f'alertname="{alert}",severity="warning",namespace="team"', 0, HOURS)
        rehearsal.never('severity="critical"', HOURS)
        rehearsals.append(rehearsal)
    assert run(rehearsals, promtool, tmp_path) == ""


def test_a_healthy_pool_hides_no_dead_one_of_the_same_name_where_labels_are_not_honoured(
    promtool: Path, tmp_path: Path
) -> None:
    ready = 'keypool_pool_ready{{namespace="keypool-system",exported_namespace="{}",pool="chat",job="k"}}'
    rehearsal = Rehearsal({ready.format("a"): always(0), ready.format("b"): always(1)}, step=1)
    rehearsal.fired('alertname="KeypoolPoolNotReady",exported_namespace="a"', 0, HOURS)
    rehearsal.never('exported_namespace="b"', HOURS)
    rehearsal.fired('alertname="KeypoolLabelsNotHonoured"', 0, HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_keys_in_a_namespace_that_is_not_served_any_more_are_told(promtool: Path, tmp_path: Path) -> None:
    """Whoever narrowed the installation may have forgotten them."""
    rehearsal = Rehearsal({UNSERVED: always(3)}, step=1)
    rehearsal.never("", PATIENCE["KeypoolNamespaceNotServed"] / 60)
    rehearsal.fired('alertname="KeypoolNamespaceNotServed"', 0, HOURS)
    rehearsal.never('alertname!="KeypoolNamespaceNotServed"', HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_nothing_is_told_while_all_is_well(promtool: Path, tmp_path: Path) -> None:
    """A standby that does not lead, a call that fails now and then and a limit that is not near are ordinary."""
    rehearsal = Rehearsal(WELL, step=1)
    rehearsal.never("", HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_what_passes_by_itself_in_a_pool_is_not_told(promtool: Path, tmp_path: Path) -> None:
    rehearsal = Rehearsal(ORDINARY, step=1)
    rehearsal.never("", HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_a_pool_that_is_not_ready_is_told_once_and_not_by_each_of_its_conditions(
    promtool: Path, tmp_path: Path
) -> None:
    dead = {
        condition("Stalled", "True", "KeyRefused"): always(1),
        condition("Healthy", "False", "KeyRefused"): always(1),
    }
    rehearsal = Rehearsal({pool_series("keypool_pool_ready", "chat"): always(0), **dead}, step=1)
    rehearsal.fired('alertname="KeypoolPoolNotReady"', 0, HOURS)
    rehearsal.never('alertname!="KeypoolPoolNotReady"', HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_a_pool_that_is_being_made_is_not_told(promtool: Path, tmp_path: Path) -> None:
    """Ready within a quarter of an hour is soon enough."""
    ready = [*always(0)[:14], *always(1)[14:]]
    rehearsal = Rehearsal({pool_series("keypool_pool_ready", "chat"): ready}, step=1)
    rehearsal.never("", HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""
