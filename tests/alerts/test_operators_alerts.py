"""What an operator of keypool is told: each alert on its condition, and not before it has lasted."""

from pathlib import Path

import pytest

from tests.alerts.promtool import LEADER, Rehearsal, pool_series
from tests.alerts.traffic import Series

HOURS = 2
MINUTES = HOURS * 60 + 1
WATCH = 'keypool_watch_age_seconds{{kind="{}",instance="a"}}'
RESYNC = 'keypool_resync_age_seconds{instance="a"}'
SERVED = 'keypool_namespace_served{{namespace="{}",instance="a"}}'
UNSERVED = 'keypool_ledgers_unserved{instance="a"}'
CALLS = 'keypool_provider_calls_total{{provider="liteLLM",call="probe",outcome="{}",instance="a"}}'


RELAYED = 'keypool_relay_requests_total{{pool="team/chat",key_id="k",class="{}",outcome="{}",instance="r"}}'
USABLE = 'keypool_relay_keys_usable{pool="team/chat",instance="r"}'
FILE_OK = 'keypool_relay_file_ok{instance="r"}'


def always(value: float) -> Series:
    """The same value in every minute."""
    return [value] * MINUTES


def growing(per_hour: float) -> Series:
    """A counter."""
    return [minute * per_hour / 60 for minute in range(MINUTES)]


def condition(kind: str, status: str, reason: str) -> str:
    """The series of a condition that is not as it should be."""
    labels = f'condition="{kind}",status="{status}",reason="{reason}"'
    return f'keypool_pool_condition{{namespace="team",pool="chat",{labels},instance="a"}}'


def though_ready(*kind: str) -> dict[str, Series]:
    """A pool that is Ready, and has this condition all the same."""
    return {pool_series("keypool_pool_ready", "chat"): always(1), condition(*kind): always(1)}


READY = {pool_series("keypool_pool_ready", "chat"): always(1)}
LATE = pool_series("keypool_rotation_late_since_timestamp_seconds", "chat")
TROUBLE: dict[str, dict[str, Series]] = {
    "KeypoolNobodyLeads": {LEADER: always(0), 'keypool_leader{instance="b"}': always(0)},
    "KeypoolTwoLead": {'keypool_leader{instance="b"}': always(1)},
    "KeypoolWatchSilent": {WATCH.format("apikeypools"): always(121), WATCH.format("secrets"): always(3)},
    "KeypoolResyncOld": {RESYNC: always(1801)},
    "KeypoolNamespaceNotServed": {SERVED.format("a"): always(0), SERVED.format("b"): always(1)},
    "KeypoolPoolNotReady": {pool_series("keypool_pool_ready", "chat"): always(0)},
    "KeypoolLeakNotContained": {
        pool_series("keypool_pool_leaks_uncontained_since_timestamp_seconds", "chat"): always(3600)
    },
    "KeypoolPoolStuck": though_ready("Stalled", "True", "KeyRefused"),
    "KeypoolSecretNotCurrent": though_ready("Published", "False", "SecretContested"),
    "KeypoolRotationLate": {**READY, LATE: always(0)},
    "KeypoolPoolUnhealthy": though_ready("Healthy", "Unknown", "ProviderUnavailable"),
    "KeypoolRevocationLate": though_ready("Revoked", "False", "RevocationPending"),
    "KeypoolKeysOwed": {'keypool_keys_owed{instance="a"}': always(2)},
    "KeypoolProviderCallsFailing": {CALLS.format("ok"): growing(20), CALLS.format("Unavailable"): growing(60)},
    "KeypoolMetricsIncomplete": {'keypool_scrape_failures_total{instance="a",collector="UsageSeries"}': growing(4)},
    "KeypoolAuditLinesLost": {'keypool_audit_lines_lost_total{instance="a"}': growing(30)},
    "KeypoolWritesNotHeld": {'keypool_writes_held{instance="a"}': always(0)},
    "KeypoolClockUncertain": {'keypool_clocks_agree{instance="a"}': always(0)},
    "KeypoolSpendLimitNear": {pool_series("keypool_spend_limit_fraction", "chat"): always(0.83)},
    "KeypoolRelayRequestsFail": {
        RELAYED.format("none", "answered"): growing(600),
        RELAYED.format("transient", "failed"): growing(120),
    },
    "KeypoolRelayNoUsableKey": {USABLE: always(0)},
    "KeypoolRelayFileBad": {FILE_OK: always(0)},
    "KeypoolSpendLimitReached": {pool_series("keypool_spend_limit_fraction", "chat"): always(1.02)},
}
# For so many minutes nobody is told.
PATIENCE = {
    "KeypoolNobodyLeads": 4,
    "KeypoolTwoLead": 1,
    "KeypoolWatchSilent": 4,
    "KeypoolResyncOld": 14,
    "KeypoolNamespaceNotServed": 14,
    "KeypoolPoolNotReady": 14,
    "KeypoolLeakNotContained": 61,
    "KeypoolPoolStuck": 14,
    "KeypoolSecretNotCurrent": 14,
    "KeypoolRotationLate": 64,
    "KeypoolPoolUnhealthy": 29,
    "KeypoolRevocationLate": 59,
    "KeypoolKeysOwed": 59,
    "KeypoolProviderCallsFailing": 14,
    "KeypoolMetricsIncomplete": 14,
    "KeypoolAuditLinesLost": 1,
    "KeypoolWritesNotHeld": 29,
    "KeypoolClockUncertain": 4,
    "KeypoolSpendLimitNear": 9,
    "KeypoolSpendLimitReached": 4,
    "KeypoolRelayRequestsFail": 4,
    "KeypoolRelayNoUsableKey": 4,
    "KeypoolRelayFileBad": 4,
}
WELL: dict[str, Series] = {
    LEADER: always(1),
    'keypool_leader{instance="b"}': always(0),
    pool_series("keypool_pool_ready", "chat"): always(1),
    'keypool_keys_owed{instance="a"}': always(0),
    CALLS.format("ok"): growing(60),
    CALLS.format("Unavailable"): growing(20),
    'keypool_clocks_agree{instance="a"}': always(1),
    WATCH.format("apikeypools"): [minute % 2 * 40.0 for minute in range(MINUTES)],
    WATCH.format("secrets"): [*[-1.0] * 3, *always(10)[3:]],
    RESYNC: [*[-1.0] * 6, *[minute % 6 * 60.0 for minute in range(MINUTES - 6)]],
    SERVED.format("a"): [*[0.0] * 3, *always(1)[3:]],
    UNSERVED: always(0),
    RELAYED.format("none", "answered"): growing(600),
    RELAYED.format("caller", "failed"): growing(600),
    RELAYED.format("transient", "failed"): growing(20),
    USABLE: [minute % 5 * 1.0 for minute in range(MINUTES)],
    FILE_OK: [minute % 4 * 1.0 for minute in range(MINUTES)],
    'keypool_audit_lines_lost_total{instance="a"}': always(7),
    'keypool_writes_held{instance="a"}': [*always(-1)[:40], *always(1)[40:]],
    pool_series("keypool_spend_limit_fraction", "chat"): always(0.79),
}


def briefly(minutes: int) -> Series:
    """There for so many minutes, then gone: Prometheus is told that the series ended."""
    return [*always(1)[:minutes], *[None] * (MINUTES - minutes)]


ORDINARY: dict[str, Series] = {
    **READY,
    condition("Reconciling", "True", "Updating"): always(1),
    condition("Published", "False", "SecretsDiffer"): briefly(5),
    condition("Healthy", "False", "SlotEmpty"): briefly(20),
    condition("Revoked", "False", "RevocationPending"): briefly(40),
    condition("Stalled", "True", "ProviderNotFound"): briefly(5),
    LATE: [*always(0)[:50], *[None] * (MINUTES - 50)],
}
"""What passes by itself: a spec that changes, a Secret that is being written, a slot that is refilled."""


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


@pytest.mark.parametrize(
    ("series", "alert"), [(WATCH.format("secrets"), "KeypoolWatchSilent"), (RESYNC, "KeypoolResyncOld")]
)
def test_what_never_began_is_told(series: str, alert: str, promtool: Path, tmp_path: Path) -> None:
    """-1 stands for never: no age, and not well either."""
    rehearsal = Rehearsal({series: always(-1)}, step=1)
    rehearsal.never("", PATIENCE[alert] / 60)
    rehearsal.fired(f'alertname="{alert}"', 0, HOURS)
    rehearsal.never(f'alertname!="{alert}"', HOURS)
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
