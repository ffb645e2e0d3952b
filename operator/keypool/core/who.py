"""Who has to act on a condition that is not as it should be: so that nobody is woken for what another one can mend."""

from collections.abc import Iterable
from enum import StrEnum

from keypool.core.reasons import Condition, Reason


class Who(StrEnum):
    """`ACCOUNT`: whoever owns the provider object, which is told as one of the others (see `who_acts`)."""

    OWNER = "owner"
    PLATFORM = "platform"
    PROVIDER = "provider"
    NOBODY = "nobody"
    ACCOUNT = "account"


_OWNER = (
    Reason.SUSPENDED,
    Reason.SPEND_LIMIT_NEAR,
    Reason.SPEND_LIMIT_REACHED,
    Reason.SPEC_INVALID,
    Reason.UNSUPPORTED,
    Reason.NOT_A_TENANT,
    Reason.TENANT_LIMIT,
    Reason.PROVIDER_NOT_FOUND,
    Reason.NEW_KEYS_PACED,
    Reason.KEY_REFUSED,
    Reason.LEDGER_FULL,
    Reason.SECRET_FOREIGN,
    Reason.SECRET_UNUSABLE,
    Reason.SECRET_CONTESTED,
    Reason.SECRET_FOUGHT,
    Reason.NAMESPACE_TERMINATING,
    Reason.COMPROMISED_UNKNOWN,
    Reason.COMPROMISE_WAITS,
    Reason.UNDO_UNKNOWN,
    Reason.REQUEST_UNKNOWN,
    Reason.KEYS_FROM_MISSING,
    Reason.VALUE_UNUSABLE,
    Reason.VALUE_REJECTED,
    Reason.VALUES_MISSING,
    Reason.KEY_AGEING,
    Reason.MANUAL_REVOCATION,
    Reason.OVERLAP_TOO_SHORT,
    Reason.RENEWAL_TOO_LATE,
)
_ACCOUNT = (
    Reason.PROVIDER_NOT_READY,
    Reason.CHANGES_PACED,
    Reason.ANSWER_TOO_LARGE,
    Reason.WAITS_FOR_BUDGET,
    Reason.SCHEDULE_EXCEEDS_BUDGET,
    Reason.CREDENTIAL_MISSING,
    Reason.CONSENT_MISSING,
    Reason.CREDENTIAL_REJECTED,
    Reason.ACCOUNT_CHANGED,
    Reason.ENDPOINT_REFUSED,
    Reason.ADAPTER_UNUSABLE,
    Reason.CERTIFICATES_UNUSABLE,
    Reason.PROVIDER_REFUSED,
    Reason.REVOCATION_REFUSED,
    Reason.ACCOUNT_NOTICE,
    Reason.LIFETIME_NOT_GRANTED,
    Reason.ANSWER_LOST,
)
_PROVIDER = (
    Reason.NO_LIVE_KEY,
    Reason.NO_VERDICT,
    Reason.KEY_REJECTED,
    Reason.MOST_KEYS_REJECTED,
    Reason.NEW_KEYS_REJECTED,
    Reason.REVOCATION_PENDING,
    Reason.PROVIDER_UNAVAILABLE,
    Reason.PROVIDER_THROTTLED,
)
_PLATFORM = (
    Reason.CLOCK_UNCERTAIN,
    Reason.TENANT_IDENTITY,
    Reason.LISTING_PUT_OFF,
    Reason.CLUSTER_UNAVAILABLE,
    Reason.INTERNAL_ERROR,
    Reason.SECRET_NEWER,
    Reason.LEAK_NOT_CONTAINED,
    Reason.LEDGER_MISSING,
    Reason.LEDGER_UNREADABLE,
    Reason.LEDGER_TAMPERED,
    Reason.LEDGER_REBUILT,
    Reason.LEDGER_RESTORED,
    Reason.LEDGERS_MISSING,
    Reason.CLUSTER_CHANGED,
    Reason.KEYS_ABANDONED,
    Reason.FINALIZER_MISSING,
)
WHO: dict[Reason, Who] = {
    **dict.fromkeys(Reason, Who.NOBODY),
    **dict.fromkeys(_OWNER, Who.OWNER),
    **dict.fromkeys(_ACCOUNT, Who.ACCOUNT),
    **dict.fromkeys(_PROVIDER, Who.PROVIDER),
    **dict.fromkeys(_PLATFORM, Who.PLATFORM),
}
"""By reason; what passes by itself, or is as it should be, asks nobody."""

_FIRST = (Condition.STALLED, Condition.READY, Condition.PUBLISHED, Condition.HEALTHY, Condition.REVOKED)
"""Of several conditions, the first of these tells."""


def who_acts(conditions: Iterable[tuple[str, str, str]], *, wide: bool) -> str:
    """`conditions`: type, status and reason of those that are not as they should be; "" where there are none. `wide`:
    the provider object is the cluster's, so its account is the platform's."""
    found = sorted(conditions, key=lambda each: _FIRST.index(each[0]) if each[0] in _FIRST else len(_FIRST))
    if not found:
        return ""
    acts = (WHO[Reason(reason)] for _, _, reason in found)
    who = next((each for each in acts if each is not Who.NOBODY), Who.NOBODY)
    return (Who.PLATFORM if wide else Who.OWNER) if who is Who.ACCOUNT else who
