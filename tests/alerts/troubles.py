"""What the metrics show in trouble, and while all is well; for how long nobody is told of it."""

from tests.alerts.promtool import LEADER, pool_series
from tests.alerts.traffic import Series

HOURS = 1.25
MINUTES = round(HOURS * 60) + 1
WATCH = 'keypool_watch_age_seconds{{kind="{}",instance="a"}}'
RESYNC = 'keypool_resync_age_seconds{instance="a"}'
SERVED = 'keypool_namespace_served{{namespace="{}",instance="a"}}'
QUEUE_WAIT = 'keypool_queue_longest_wait_seconds{instance="a"}'
FAILING = 'keypool_passes_failing{{kind="{}",instance="a"}}'
UNSERVED = 'keypool_ledgers_unserved{instance="a"}'
OBJECT = 'namespace="team",keyprovider="vendor",instance="a"'
CALLS = f'keypool_provider_calls_total{{{{{OBJECT},provider="liteLLM",call="probe",outcome="{{}}"}}}}'
ENDPOINT = f'keypool_endpoint_state{{{{{OBJECT},endpoint="{{}}",host="h"}}}}'
DAY_LEFT = f'keypool_request_budget_left{{{OBJECT},window="day"}}'
DAY = f'keypool_request_budget{{{OBJECT},window="day"}}'


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


def provider_condition(kind: str, status: str, reason: str) -> str:
    """The same for a provider object."""
    return f'keypool_provider_condition{{{OBJECT},condition="{kind}",status="{status}",reason="{reason}"}}'


def waits_for(who: str) -> dict[str, Series]:
    """Who has to act on the pool."""
    return {f'keypool_pool_waits_for{{namespace="team",pool="chat",who="{who}",instance="a"}}': always(1)}


def provider_waits_for(who: str) -> dict[str, Series]:
    """The same for a provider object."""
    return {f'keypool_provider_waits_for{{{OBJECT},who="{who}"}}': always(1)}


def keys(state: str) -> str:
    """The series of a pool's keys in this state."""
    return f'keypool_pool_keys{{namespace="team",pool="chat",state="{state}",instance="a"}}'


PROVIDER_READY = f"keypool_provider_ready{{{OBJECT}}}"
EXPIRY = pool_series("keypool_pool_earliest_expiry_timestamp_seconds", "chat")
RENEWAL = pool_series("keypool_pool_renewal_due_timestamp_seconds", "chat")
PUBLISHED = pool_series("keypool_pool_keys_published", "chat")
WANTED = pool_series("keypool_pool_keys_wanted", "chat")
READY = {pool_series("keypool_pool_ready", "chat"): always(1)}
LATE = pool_series("keypool_rotation_late_since_timestamp_seconds", "chat")
TROUBLE: dict[str, dict[str, Series]] = {
    "KeypoolNobodyLeads": {LEADER: always(0), 'keypool_leader{instance="b"}': always(0)},
    "KeypoolTwoLead": {'keypool_leader{instance="b"}': always(1)},
    "KeypoolWatchSilent": {WATCH.format("apikeypools"): always(121), WATCH.format("secrets"): always(3)},
    "KeypoolResyncOld": {RESYNC: always(1801)},
    "KeypoolQueueLong": {QUEUE_WAIT: always(301)},
    "KeypoolPassesFailing": {FAILING.format("pool"): always(1), FAILING.format("provider"): always(0)},
    "KeypoolNamespaceNotServed": {SERVED.format("a"): always(0), SERVED.format("b"): always(1)},
    "KeypoolPoolNotReady": {pool_series("keypool_pool_ready", "chat"): always(0)},
    "KeypoolLeakNotContained": {
        pool_series("keypool_pool_leaks_uncontained_since_timestamp_seconds", "chat"): always(3600)
    },
    "KeypoolCredentialRejected": {
        provider_condition("Stalled", "True", "CredentialRejected"): always(1),
        provider_condition("Ready", "False", "CredentialRejected"): always(1),
        PROVIDER_READY: always(0),
        **provider_waits_for("platform"),
    },
    "KeypoolProviderNotReady": {
        PROVIDER_READY: always(0),
        provider_condition("Ready", "False", "ProviderUnavailable"): always(1),
    },
    "KeypoolEndpointsOpen": {ENDPOINT.format(0): always(2), ENDPOINT.format(1): [1.0 + m % 2 for m in range(MINUTES)]},
    "KeypoolRequestBudgetLow": {DAY: always(1000), DAY_LEFT: always(99)},
    "KeypoolScheduleExceedsBudget": {provider_condition("WithinBudget", "False", "ScheduleExceedsBudget"): always(1)},
    "KeypoolExpiryNear": {**READY, EXPIRY: always(8000), RENEWAL: always(0)},
    "KeypoolSpareLost": {**READY, PUBLISHED: always(1), WANTED: always(2)},
    "KeypoolKeysUnaccounted": {keys("held"): always(1)},
    "KeypoolLedgerTampered": {'keypool_ledgers_tampered_total{instance="a"}': [*always(0)[:10], *always(1)[10:]]},
    "KeypoolStandbyLost": {'keypool_leader{instance="b"}': [*always(0)[:30], *[None] * (MINUTES - 30)]},
    "KeypoolLabelsNotHonoured": {
        'keypool_pool_ready{namespace="keypool-system",exported_namespace="team",pool="chat",job="k"}': always(1)
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
    "KeypoolQueueLong": 9,
    "KeypoolPassesFailing": 14,
    "KeypoolNamespaceNotServed": 14,
    "KeypoolPoolNotReady": 14,
    "KeypoolLeakNotContained": 61,
    "KeypoolPoolStuck": 14,
    "KeypoolSecretNotCurrent": 14,
    "KeypoolRotationLate": 64,
    "KeypoolPoolUnhealthy": 29,
    "KeypoolRevocationLate": 59,
    "KeypoolKeysOwed": 59,
    "KeypoolCredentialRejected": 1,
    "KeypoolProviderNotReady": 14,
    "KeypoolEndpointsOpen": 4,
    "KeypoolRequestBudgetLow": 9,
    "KeypoolScheduleExceedsBudget": 29,
    "KeypoolExpiryNear": 21,
    "KeypoolSpareLost": 14,
    "KeypoolKeysUnaccounted": 59,
    "KeypoolLedgerTampered": 9,
    "KeypoolStandbyLost": 44,
    "KeypoolLabelsNotHonoured": 4,
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
    WATCH.format("secrets"): [*[60.0 * minute for minute in range(3)], *always(10)[3:]],
    RESYNC: [minute % 6 * 60.0 for minute in range(MINUTES)],
    SERVED.format("a"): [*[0.0] * 3, *always(1)[3:]],
    UNSERVED: always(0),
    QUEUE_WAIT: [minute % 6 * 60.0 for minute in range(MINUTES)],
    FAILING.format("pool"): [minute % 12 // 2 * 1.0 for minute in range(MINUTES)],
    FAILING.format("provider"): always(0),
    RELAYED.format("none", "answered"): growing(600),
    RELAYED.format("caller", "failed"): growing(600),
    RELAYED.format("transient", "failed"): growing(20),
    USABLE: [minute % 5 * 1.0 for minute in range(MINUTES)],
    FILE_OK: [minute % 4 * 1.0 for minute in range(MINUTES)],
    'keypool_audit_lines_lost_total{instance="a"}': always(7),
    'keypool_writes_held{instance="a"}': [*[None] * 40, *always(1)[40:]],
    PROVIDER_READY: always(1),
    ENDPOINT.format(0): always(2),
    ENDPOINT.format(1): always(0),
    DAY: always(1000),
    DAY_LEFT: always(150),
    **READY,
    EXPIRY: always(30 * 86400),
    RENEWAL: always(30 * 86400 - 3600),
    PUBLISHED: always(2),
    WANTED: always(2),
    'keypool_ledgers_tampered_total{instance="a"}': always(3),
    keys("draining"): always(1),
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
    keys("unresolved"): briefly(50),
    PROVIDER_READY: [*always(0)[:10], *always(1)[10:]],
    ENDPOINT.format(0): [*always(2)[:4], *always(0)[4:]],
    PUBLISHED: [*always(1)[:12], *always(2)[12:]],
    WANTED: always(2),
    LATE: [*always(0)[:50], *[None] * (MINUTES - 50)],
}
"""What passes by itself: a spec that changes, a Secret that is being written, a slot that is refilled."""


OF_OWNERS: dict[str, dict[str, Series]] = {
    "KeypoolPoolNotReady": {pool_series("keypool_pool_ready", "chat"): always(0), **waits_for("owner")},
    "KeypoolLeakNotContained": {
        pool_series("keypool_pool_leaks_uncontained_since_timestamp_seconds", "chat"): always(3600),
        pool_series("keypool_pool_leak_report_unknown", "chat"): always(1),
    },
    "KeypoolSecretNotCurrent": {**though_ready("Published", "False", "SecretForeign"), **waits_for("owner")},
    "KeypoolExpiryNear": {**TROUBLE["KeypoolExpiryNear"], **waits_for("owner")},
    "KeypoolCredentialRejected": {
        provider_condition("Stalled", "True", "CredentialRejected"): always(1),
        **provider_waits_for("owner"),
    },
}
