"""Faults as they develop: when a series shows one, when its alert fires, and when service ends. The table in
docs/alerts.md is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.alerts.promtool import pool_series
from tests.alerts.traffic import Series

HEAD = "| fault | alert | seconds to alert | hours of service left then |\n|---|---|---|---|"
BEGINS = 30
"""The minute of the fault."""
LASTS = 180
"""Minutes of each rehearsal."""
LIFETIME, EVERY = 720, 24
"""Hours that a key lives, and serves, by default: a key that is a day old lives for another 29."""
OLDEST = float(LIFETIME - EVERY)
_OBJECT = 'namespace="",keyprovider="vendor",instance="a"'
_POOL = 'namespace="team",pool="chat",instance="a"'


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`seen`: minutes until the series show it, at worst; `after`: minutes from then until the alert fires. `hours` of
    service are left when the fault begins: None where service does not end by it. `well` and `ill`: the series' values
    before and after, None for no series; `told_before`: the alert that fired hours ago."""

    what: str
    alert: str
    seen: int
    after: int
    hours: float | None
    ill: Mapping[str, float | None]
    well: Mapping[str, float | None]
    told_before: str = ""

    @property
    def minutes(self) -> int:
        """From the fault to the alert."""
        return self.seen + self.after

    @property
    def row(self) -> str:
        """Of the table."""
        left = "it does not end" if self.hours is None else f"{self.hours - self.minutes / 60:.1f}"
        return f"| {self.what} | `{self.alert}` | {self.minutes * 60} | {left} |"

    def series(self) -> dict[str, Series]:
        """For Prometheus' rule tester, a value each minute."""
        shown = BEGINS + self.seen
        names = {**self.well, **self.ill}
        return {name: [self.well.get(name)] * shown + [self.ill.get(name)] * (LASTS - shown) for name in names}


def _condition(kind: str, status: str, reason: str) -> str:
    return f'keypool_pool_condition{{{_POOL},condition="{kind}",status="{status}",reason="{reason}"}}'


def _provider(kind: str, status: str, reason: str) -> str:
    return f'keypool_provider_condition{{{_OBJECT},condition="{kind}",status="{status}",reason="{reason}"}}'


_READY = pool_series("keypool_pool_ready", "chat")
_LATE = pool_series("keypool_rotation_late_since_timestamp_seconds", "chat")
_EXPIRY = pool_series("keypool_pool_earliest_expiry_timestamp_seconds", "chat")
_RENEWAL = pool_series("keypool_pool_renewal_due_timestamp_seconds", "chat")
_PROVIDER_READY = f"keypool_provider_ready{{{_OBJECT}}}"
_PUBLISHED = pool_series("keypool_pool_keys_published", "chat")
_WANTED = pool_series("keypool_pool_keys_wanted", "chat")
_LEAK = pool_series("keypool_pool_leaks_uncontained_since_timestamp_seconds", "chat")
_B = 'keypool_leader{instance="b"}'
_BUDGET = f'keypool_request_budget{{{_OBJECT},window="day"}}'
_LEFT = f'keypool_request_budget_left{{{_OBJECT},window="day"}}'
_MINUTE = 60.0

FAULTS = (
    Fault(
        what="the admin credential is revoked at the provider",
        alert="KeypoolCredentialRejected",
        seen=6,
        after=2,
        hours=OLDEST,
        well={_READY: 1, _PROVIDER_READY: 1},
        ill={_READY: 1, _PROVIDER_READY: 0, _provider("Stalled", "True", "CredentialRejected"): 1},
    ),
    Fault(
        what="the provider is down: no answer, or none that can be read",
        alert="KeypoolProviderNotReady",
        seen=6,
        after=15,
        hours=OLDEST,
        well={_READY: 1, _PROVIDER_READY: 1},
        ill={_READY: 1, _PROVIDER_READY: 0, _provider("Ready", "False", "ProviderUnavailable"): 1},
    ),
    Fault(
        what="all endpoints of a provider fail",
        alert="KeypoolEndpointsOpen",
        seen=6,
        after=5,
        hours=OLDEST,
        well={f'keypool_endpoint_state{{{_OBJECT},endpoint="0",host="h"}}': 0, _PROVIDER_READY: 1},
        ill={f'keypool_endpoint_state{{{_OBJECT},endpoint="0",host="h"}}': 2, _PROVIDER_READY: 1},
    ),
    Fault(
        what="a rotation is due, and cannot be done",
        alert="KeypoolRotationLate",
        seen=0,
        after=66,
        hours=OLDEST,
        well={_READY: 1},
        ill={_READY: 1, _LATE: BEGINS * _MINUTE},
    ),
    Fault(
        what="nothing was done about that, and the key has a day to live",
        alert="KeypoolExpiryNear",
        seen=0,
        after=1,
        hours=24,
        told_before="KeypoolRotationLate",
        well={_READY: 1, _LATE: -7200, _EXPIRY: 90_000 + BEGINS * _MINUTE, _RENEWAL: 86_400 + BEGINS * _MINUTE},
        ill={_READY: 1, _LATE: -7200, _EXPIRY: 86_399 + BEGINS * _MINUTE, _RENEWAL: 82_799 + BEGINS * _MINUTE},
    ),
    Fault(
        what="keys that live for an hour are not renewed in the last six minutes, as they should be",
        alert="KeypoolExpiryNear",
        seen=0,
        after=2,
        hours=0.1,
        well={_READY: 1, _EXPIRY: 3600 + BEGINS * _MINUTE, _RENEWAL: 3240 + BEGINS * _MINUTE},
        ill={_READY: 1, _EXPIRY: 360 + BEGINS * _MINUTE, _RENEWAL: BEGINS * _MINUTE},
    ),
    Fault(
        what="a pool waits for a person, though its keys work",
        alert="KeypoolPoolStuck",
        seen=0,
        after=15,
        hours=OLDEST,
        well={_READY: 1},
        ill={_READY: 1, _condition("Stalled", "True", "KeyRefused"): 1},
    ),
    Fault(
        what="the Secret cannot be written",
        alert="KeypoolSecretNotCurrent",
        seen=0,
        after=15,
        hours=OLDEST,
        well={_READY: 1},
        ill={_READY: 1, _condition("Published", "False", "SecretContested"): 1},
    ),
    Fault(
        what="a leak is reported, and the key lives on",
        alert="KeypoolLeakNotContained",
        seen=0,
        after=2,
        hours=None,
        well={_READY: 1},
        ill={_READY: 1, _LEAK: BEGINS * _MINUTE},
    ),
    Fault(
        what="the answer to a create call is lost, and the key is not found",
        alert="KeypoolKeysUnaccounted",
        seen=0,
        after=60,
        hours=None,
        well={_READY: 1},
        ill={_READY: 1, f'keypool_pool_keys{{{_POOL},state="held"}}': 1},
    ),
    Fault(
        what="a pool of two keys lost one",
        alert="KeypoolSpareLost",
        seen=0,
        after=15,
        hours=OLDEST,
        well={_READY: 1, _PUBLISHED: 2, _WANTED: 2},
        ill={_READY: 1, _PUBLISHED: 1, _WANTED: 2},
    ),
    Fault(
        what="nine tenths of a day's request budget are used up",
        alert="KeypoolRequestBudgetLow",
        seen=0,
        after=10,
        hours=OLDEST,
        well={_BUDGET: 1000, _LEFT: 500},
        ill={_BUDGET: 1000, _LEFT: 90},
    ),
    Fault(
        what="no replica leads any more",
        alert="KeypoolNobodyLeads",
        seen=0,
        after=5,
        hours=OLDEST,
        well={'keypool_leader{instance="a"}': 1, _B: 0},
        ill={'keypool_leader{instance="a"}': 0, _B: 0},
    ),
    Fault(
        what="two replicas say that they lead",
        alert="KeypoolTwoLead",
        seen=0,
        after=2,
        hours=None,
        well={_B: 0},
        ill={_B: 1},
    ),
    Fault(
        what="the second replica is gone",
        alert="KeypoolStandbyLost",
        seen=0,
        after=19,  # Prometheus goes on for five minutes with a series that ended
        hours=OLDEST,
        well={_B: 0},
        ill={_B: None},
    ),
    Fault(
        what="the leader's watch of a kind dies",
        alert="KeypoolWatchSilent",
        seen=3,
        after=5,
        hours=OLDEST,
        well={'keypool_watch_age_seconds{kind="secrets",instance="a"}': 20},
        ill={'keypool_watch_age_seconds{kind="secrets",instance="a"}': 180},
    ),
    Fault(
        what="passes wait for their turn: there is too little CPU, or a provider does not answer",
        alert="KeypoolQueueLong",
        seen=6,
        after=10,
        hours=OLDEST,
        well={'keypool_queue_longest_wait_seconds{instance="a"}': 2},
        ill={'keypool_queue_longest_wait_seconds{instance="a"}': 360},
    ),
    Fault(
        what="each pass over a pool ends with an error",
        alert="KeypoolPassesFailing",
        seen=1,
        after=15,
        hours=OLDEST,
        well={'keypool_passes_failing{kind="pool",instance="a"}': 0},
        ill={'keypool_passes_failing{kind="pool",instance="a"}': 1},
    ),
    Fault(
        what="the clocks disagree",
        alert="KeypoolClockUncertain",
        seen=1,
        after=5,
        hours=None,
        well={'keypool_clocks_agree{instance="a"}': 1},
        ill={'keypool_clocks_agree{instance="a"}': 0},
    ),
    Fault(
        what="lines of the audit log are lost",
        alert="KeypoolAuditLinesLost",
        seen=0,
        after=1,
        hours=None,
        well={'keypool_audit_lines_lost_total{instance="a"}': 0},
        ill={'keypool_audit_lines_lost_total{instance="a"}': 4},
    ),
    Fault(
        what="somebody edits a ledger",
        alert="KeypoolLedgerTampered",
        seen=6,
        after=0,
        hours=None,
        well={'keypool_ledgers_tampered_total{instance="a"}': 0},
        ill={'keypool_ledgers_tampered_total{instance="a"}': 1},
    ),
)


def table() -> str:
    """As it stands on the page."""
    return "\n".join((HEAD, *(fault.row for fault in FAULTS)))
