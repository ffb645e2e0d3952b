"""Every condition type and every reason that users meet, with what it asks them to do.

The table in the README and docs/conditions.md is generated from here; nothing else names a reason.
"""

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """Types of conditions. Reconciling and Stalled are abnormal-true: absent when they do not hold."""

    READY = "Ready"
    PUBLISHED = "Published"
    HEALTHY = "Healthy"
    REVOKED = "Revoked"
    WITHIN_SPEND_LIMIT = "WithinSpendLimit"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    WITHIN_BUDGET = "WithinBudget"


MEANING: dict[Condition, str] = {
    Condition.READY: "The Secret was seen to hold a key that the provider accepted when it last said yes or no. True "
    "once `size` keys were published; stays True through rotations. Unknown where nobody can say: the only key was "
    "rejected and is asked about again, the provider rejects most keys at once, the ledger is gone. Absent for a "
    "pool that was suspended before it had a key. For a KeyProvider: it answers, and takes the admin credential where "
    "there is one.",
    Condition.PUBLISHED: "The published Secrets were seen to be exactly what the ledger says.",
    Condition.HEALTHY: "Every published key was accepted when it was last checked, and no slot is without one. "
    "Unknown while probes bring no verdict: the message says since when. A "
    "KeyProvider shows it only while it is False.",
    Condition.REVOKED: "No key waits longer than planned to be revoked, and none is held after a lost answer.",
    Condition.WITHIN_SPEND_LIMIT: "Less than the smallest of `key.spendLimit.alertAt` percent of the spending limit is "
    "used up. Only where there is a limit and the provider tells what keys spent.",
    Condition.RECONCILING: "Work is under way: towards the current generation, or to have the Secret hold a live key.",
    Condition.WITHIN_BUDGET: "The schedule of all pools fits the account's request budget. A KeyProvider shows it only "
    "while it is False.",
    Condition.STALLED: "Nothing more happens until a person acts; the message says what.",
}


class Reason(StrEnum):
    """Reasons of conditions and Events."""

    KEYS_PUBLISHED = "KeysPublished"
    CREATING_KEYS = "CreatingKeys"
    UPDATING = "Updating"
    NO_LIVE_KEY = "NoLiveKey"
    SUSPENDED = "Suspended"
    DELETING = "Deleting"
    SECRETS_CURRENT = "SecretsCurrent"
    SECRETS_DIFFER = "SecretsDiffer"
    ALL_KEYS_ACCEPTED = "AllKeysAccepted"
    NO_VERDICT = "NoVerdict"
    KEY_REJECTED = "KeyRejected"
    MOST_KEYS_REJECTED = "MostKeysRejected"
    SLOT_EMPTY = "SlotEmpty"
    NOTHING_OUTSTANDING = "NothingOutstanding"
    REVOKING = "Revoking"
    REVOCATION_PENDING = "RevocationPending"
    ANSWER_LOST = "AnswerLost"
    SPENDING_LOW = "SpendingLow"
    SPEND_LIMIT_NEAR = "SpendLimitNear"
    SPEND_LIMIT_REACHED = "SpendLimitReached"
    CLOCK_UNCERTAIN = "ClockUncertain"
    SPEC_INVALID = "SpecInvalid"
    UNSUPPORTED = "Unsupported"
    NOT_A_TENANT = "NotATenant"
    TENANT_LIMIT = "TenantLimit"
    TENANT_IDENTITY = "TenantIdentity"
    PROVIDER_NOT_FOUND = "ProviderNotFound"
    PROVIDER_NOT_READY = "ProviderNotReady"
    PROVIDER_READY = "ProviderReady"
    PROVIDER_UNAVAILABLE = "ProviderUnavailable"
    PROVIDER_THROTTLED = "ProviderThrottled"
    ENDPOINT_FAILOVER = "EndpointFailover"
    NEW_KEYS_PACED = "NewKeysPaced"
    CHANGES_PACED = "ChangesPaced"
    ANSWER_TOO_LARGE = "AnswerTooLarge"
    LISTING_PUT_OFF = "ListingPutOff"
    WAITS_FOR_BUDGET = "WaitsForBudget"
    SCHEDULE_EXCEEDS_BUDGET = "ScheduleExceedsBudget"
    CREDENTIAL_MISSING = "CredentialMissing"
    CONSENT_MISSING = "ConsentMissing"
    CREDENTIAL_REJECTED = "CredentialRejected"
    ACCOUNT_CHANGED = "AccountChanged"
    ENDPOINT_REFUSED = "EndpointRefused"
    ADAPTER_UNUSABLE = "AdapterUnusable"
    CERTIFICATES_UNUSABLE = "CertificatesUnusable"
    PROVIDER_REFUSED = "ProviderRefused"
    KEY_REFUSED = "KeyRefused"
    NEW_KEYS_REJECTED = "NewKeysRejected"
    LEDGER_FULL = "LedgerFull"
    REVOCATION_REFUSED = "RevocationRefused"
    SECRET_FOREIGN = "SecretForeign"  # noqa: S105
    SECRET_UNUSABLE = "SecretUnusable"  # noqa: S105
    SECRET_CONTESTED = "SecretContested"  # noqa: S105
    SECRET_FOUGHT = "SecretFought"  # noqa: S105
    SECRET_NEWER = "SecretNewer"  # noqa: S105
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    CLUSTER_UNAVAILABLE = "ClusterUnavailable"
    INTERNAL_ERROR = "InternalError"
    LEAK_NOT_CONTAINED = "LeakNotContained"
    COMPROMISED_UNKNOWN = "CompromisedUnknown"
    COMPROMISE_WAITS = "CompromiseWaits"
    UNDO_UNKNOWN = "UndoUnknown"
    REQUEST_UNKNOWN = "RequestUnknown"
    LEDGER_MISSING = "LedgerMissing"
    LEDGER_UNREADABLE = "LedgerUnreadable"
    LEDGER_TAMPERED = "LedgerTampered"
    LEDGER_REBUILT = "LedgerRebuilt"
    LEDGER_RESTORED = "LedgerRestored"
    LEDGERS_MISSING = "LedgersMissing"
    CLUSTER_CHANGED = "ClusterChanged"
    KEYS_FROM_MISSING = "KeysFromMissing"
    VALUE_UNUSABLE = "ValueUnusable"
    VALUE_REJECTED = "ValueRejected"
    VALUES_MISSING = "ValuesMissing"
    KEY_AGEING = "KeyAgeing"
    MANUAL_REVOCATION = "ManualRevocation"
    ACCOUNT_NOTICE = "AccountNotice"
    OVERLAP_TOO_SHORT = "OverlapTooShort"
    RENEWAL_TOO_LATE = "RenewalTooLate"
    LIFETIME_NOT_GRANTED = "LifetimeNotGranted"
    KEYS_ABANDONED = "KeysAbandoned"
    KEY_CREATED = "KeyCreated"
    KEY_ROTATED = "KeyRotated"
    ROTATION_WAITS = "RotationWaits"
    KEY_REVOKED = "KeyRevoked"
    KEY_WITHDRAWN = "KeyWithdrawn"
    KEY_REPORTED = "KeyReported"
    SECRET_REPAIRED = "SecretRepaired"  # noqa: S105
    KEYS_OWED = "KeysOwed"
    KEYS_RETAINED = "KeysRetained"
    FINALIZER_MISSING = "FinalizerMissing"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong and when it may be tried again; kept in memory until the activity succeeds.

    `needs_person` makes the pool Stalled. `attempts` in a row so far.
    """

    reason: Reason
    message: str
    needs_person: bool
    attempts: int = 1
