"""What an operator of keypool is told: each alert on its condition, and not before it has lasted."""

from pathlib import Path

import pytest

from tests.alerts.promtool import LEADER, Rehearsal, pool_series
from tests.alerts.traffic import Series

HOURS = 2
MINUTES = HOURS * 60 + 1
CALLS = 'keypool_provider_calls_total{{provider="liteLLM",call="probe",outcome="{}",instance="a"}}'


def always(value: float) -> Series:
    """The same value in every minute."""
    return [value] * MINUTES


def growing(per_hour: float) -> Series:
    """A counter."""
    return [minute * per_hour / 60 for minute in range(MINUTES)]


TROUBLE: dict[str, dict[str, Series]] = {
    "KeypoolNobodyLeads": {LEADER: always(0), 'keypool_leader{instance="b"}': always(0)},
    "KeypoolPoolNotReady": {pool_series("keypool_pool_ready", "chat"): always(0)},
    "KeypoolLeakNotContained": {
        pool_series("keypool_pool_leaks_uncontained_since_timestamp_seconds", "chat"): always(3600)
    },
    "KeypoolKeysOwed": {'keypool_keys_owed{instance="a"}': always(2)},
    "KeypoolProviderCallsFailing": {CALLS.format("ok"): growing(20), CALLS.format("Unavailable"): growing(60)},
    "KeypoolClockUncertain": {'keypool_clocks_agree{instance="a"}': always(0)},
    "KeypoolSpendLimitNear": {pool_series("keypool_spend_limit_fraction", "chat"): always(0.83)},
    "KeypoolSpendLimitReached": {pool_series("keypool_spend_limit_fraction", "chat"): always(1.02)},
}
# For so many minutes nobody is told.
PATIENCE = {
    "KeypoolNobodyLeads": 4,
    "KeypoolPoolNotReady": 14,
    "KeypoolLeakNotContained": 61,
    "KeypoolKeysOwed": 59,
    "KeypoolProviderCallsFailing": 14,
    "KeypoolClockUncertain": 4,
    "KeypoolSpendLimitNear": 9,
    "KeypoolSpendLimitReached": 4,
}
WELL: dict[str, Series] = {
    LEADER: always(1),
    'keypool_leader{instance="b"}': always(0),
    pool_series("keypool_pool_ready", "chat"): always(1),
    'keypool_keys_owed{instance="a"}': always(0),
    CALLS.format("ok"): growing(60),
    CALLS.format("Unavailable"): growing(20),
    'keypool_clocks_agree{instance="a"}': always(1),
    pool_series("keypool_spend_limit_fraction", "chat"): always(0.79),
}


@pytest.mark.parametrize("alert", TROUBLE)
def test_trouble_that_lasts_is_told(alert: str, promtool: Path, tmp_path: Path) -> None:
    """This alert, and no other."""
    rehearsal = Rehearsal(TROUBLE[alert], step=1)
    rehearsal.never("", PATIENCE[alert] / 60)
    rehearsal.fired(f'alertname="{alert}"', 0, HOURS)
    rehearsal.never(f'alertname!="{alert}"', HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_an_operator_that_is_not_reached_is_told(promtool: Path, tmp_path: Path) -> None:
    """Without any series there is nobody who could say that nobody leads."""
    rehearsal = Rehearsal({LEADER: [None] * MINUTES}, step=1)
    rehearsal.fired('alertname="KeypoolNobodyLeads"', 0, HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_nothing_is_told_while_all_is_well(promtool: Path, tmp_path: Path) -> None:
    """A standby that does not lead, a call that fails now and then and a limit that is not near are ordinary."""
    rehearsal = Rehearsal(WELL, step=1)
    rehearsal.never("", HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""


def test_a_pool_that_is_being_made_is_not_told(promtool: Path, tmp_path: Path) -> None:
    """Ready within a quarter of an hour is soon enough."""
    ready = [*always(0)[:14], *always(1)[14:]]
    rehearsal = Rehearsal({pool_series("keypool_pool_ready", "chat"): ready}, step=1)
    rehearsal.never("", HOURS)
    assert rehearsal.run(promtool, tmp_path) == ""
