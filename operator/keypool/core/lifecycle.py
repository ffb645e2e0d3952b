"""The life of a key, as one table of data.

Every change of a key's state in the ledger goes through `next_state`, so what is not a row here cannot happen. The
diagram in docs/lifecycle.md and the property tests are generated from the same rows. Purely computational.
"""

from dataclasses import dataclass
from enum import StrEnum


class KeyState(StrEnum):
    """Where a key is in its life, as the ledger records it."""

    INTENDED = "intended"
    UNRESOLVED = "unresolved"
    HELD = "held"
    CREATED = "created"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    DRAINING = "draining"
    DISABLED = "disabled"
    REVOKING = "revoking"
    OWED = "owed"


class Evidence(StrEnum):
    """What was learnt about a key, or decided for it; each row of the table answers one."""

    NEEDED = "the slot needs a key and the bound on live keys allows one"
    NEVER_SENT = "the create call was certainly not made"
    ANSWERED = "the provider answered with handle and value"
    REFUSED = "the provider refused or throttled the create call"
    UNREADABLE = "the provider answered, but only the handle can be read"
    LOST = "the answer was lost, or an earlier leadership wrote the intent"
    FOUND = (
        "found upstream by its name or, in an exclusive account, as a key that no ledger knows; its value is unknown"
    )
    FOUND_WHOLE = "found upstream by its name; its value is known, because it was ours to choose"
    ABSENT = "a complete listing begun after the create deadline and the listing lag shows that it does not exist"
    UNFINDABLE = "the provider lists no names and is shared, or is not the one that was asked for the key"
    CLEARED = "a person says that it does not exist"
    HOLD_ENDED = "its longest possible life is over"
    PROVEN = "a probe succeeded; it is published"
    REJECTED_NEW = "definitely rejected after the provider's activation lag"
    UNWANTED = "its slot is gone, the spec changed or it expired meanwhile"
    SUPERSEDED = "a successor in its slot is published"
    SLOT_GONE = "its slot is gone"
    FAILED = "expired, or definitely rejected as often as the threshold says"
    REPORTED = "reported as rejected by a pod that holds it, and twice rejected by the provider when asked"
    RECOVERED = "a good probe, and its slot has no other key"
    RESCUED = "its successor is withdrawn and its own probe is good"
    GONE_UPSTREAM = (
        "out of the Secret, rejected, and absent from a complete listing of the right account, or not there to disable"
    )
    UNNEEDED = "out of the Secret for the whole overlap, or compromised"
    DISUSED = "out of the Secret for the whole overlap, and the provider can disable it first"
    UNDONE = "a person wants it back, by annotation"
    QUIET = "disabled for the whole quiet period, or compromised"
    DISABLE_REFUSED = "the provider refuses to disable it"
    UNREPLACED = "compromised, and tenancy lets the pool have no successor, or a person asks for none"
    POOL_DELETED = "the pool is being deleted"
    REVOKED = "deleted, and the proof holds"
    REVOKE_REFUSED = "the provider refuses to delete it, or has no call for it"
    OVERDUE = "not confirmed within the deletion deadline, or its pool is gone"
    ABANDONED = "a person gave it up by annotation"
    SUPPLIED = "its value stands in the Secret that people fill"
    REMOVED = "people took its value out of their Secret or report it compromised; it is new, or another key is live"
    ACKNOWLEDGED = "a person says by annotation that it is revoked"
    LEFT = "people made it, and its pool is gone: they are told to revoke it"
    ADOPTED = "its value stands in the pool's Secret, and the provider's listing pairs it with a handle"


class Effect(StrEnum):
    """What follows outside the ledger, after the row is durable."""

    NONE = "-"
    CREATE = "create call"
    PUBLISH = "Secret with it"
    UNPUBLISH = "Secret without it"
    LOOK_UP = "listing"
    DISABLE = "disable call, then probe"
    ENABLE = "enable call"
    REVOKE = "delete call, then probe"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: a key in `before` for which `evidence` holds goes to `after` (None: not in the ledger)."""

    before: KeyState | None
    evidence: Evidence
    after: KeyState | None
    effect: Effect = Effect.NONE


class IllegalTransition(Exception):
    """The table has no such row: a defect in a rule, never a user's fault."""


S, E = KeyState, Evidence

TABLE: tuple[Transition, ...] = (
    Transition(None, E.NEEDED, S.INTENDED, Effect.CREATE),
    Transition(S.INTENDED, E.NEVER_SENT, None),
    Transition(S.INTENDED, E.ANSWERED, S.CREATED),
    Transition(S.INTENDED, E.REFUSED, None),
    Transition(S.INTENDED, E.UNREADABLE, S.REVOKING, Effect.REVOKE),
    Transition(S.INTENDED, E.LOST, S.UNRESOLVED, Effect.LOOK_UP),
    Transition(S.UNRESOLVED, E.ANSWERED, S.CREATED),
    Transition(S.UNRESOLVED, E.FOUND_WHOLE, S.CREATED),
    Transition(S.UNRESOLVED, E.FOUND, S.REVOKING, Effect.REVOKE),
    Transition(S.UNRESOLVED, E.ABSENT, None),
    Transition(S.UNRESOLVED, E.UNFINDABLE, S.HELD),
    Transition(S.UNRESOLVED, E.HOLD_ENDED, None),
    Transition(S.HELD, E.FOUND, S.REVOKING, Effect.REVOKE),
    Transition(S.HELD, E.ABSENT, None),
    Transition(S.HELD, E.HOLD_ENDED, None),
    Transition(S.HELD, E.CLEARED, None),
    Transition(S.CREATED, E.PROVEN, S.ACTIVE, Effect.PUBLISH),
    Transition(S.CREATED, E.REJECTED_NEW, S.REVOKING, Effect.REVOKE),
    Transition(S.CREATED, E.UNWANTED, S.REVOKING, Effect.REVOKE),
    Transition(S.ACTIVE, E.SUPERSEDED, S.DRAINING, Effect.UNPUBLISH),
    Transition(S.ACTIVE, E.SLOT_GONE, S.DRAINING, Effect.UNPUBLISH),
    Transition(S.ACTIVE, E.FAILED, S.WITHDRAWN, Effect.UNPUBLISH),
    Transition(S.ACTIVE, E.REPORTED, S.WITHDRAWN, Effect.UNPUBLISH),
    Transition(S.WITHDRAWN, E.RECOVERED, S.ACTIVE, Effect.PUBLISH),
    Transition(S.WITHDRAWN, E.SUPERSEDED, S.DRAINING, Effect.UNPUBLISH),
    Transition(S.WITHDRAWN, E.SLOT_GONE, S.DRAINING, Effect.UNPUBLISH),
    Transition(S.WITHDRAWN, E.GONE_UPSTREAM, None),
    Transition(S.DRAINING, E.GONE_UPSTREAM, None),
    Transition(S.DRAINING, E.RESCUED, S.ACTIVE, Effect.PUBLISH),
    Transition(S.DRAINING, E.UNNEEDED, S.REVOKING, Effect.REVOKE),
    Transition(S.DRAINING, E.DISUSED, S.DISABLED, Effect.DISABLE),
    Transition(S.DISABLED, E.UNDONE, S.DRAINING, Effect.ENABLE),
    Transition(S.DISABLED, E.QUIET, S.REVOKING, Effect.REVOKE),
    Transition(S.DISABLED, E.DISABLE_REFUSED, S.REVOKING, Effect.REVOKE),
    Transition(S.DISABLED, E.GONE_UPSTREAM, None),
    *(Transition(state, E.UNREPLACED, S.REVOKING, Effect.REVOKE) for state in (S.ACTIVE, S.WITHDRAWN, S.DRAINING)),
    *(Transition(state, E.POOL_DELETED, S.REVOKING, Effect.REVOKE) for state in (S.CREATED, S.ACTIVE)),
    *(Transition(state, E.POOL_DELETED, S.REVOKING, Effect.REVOKE) for state in (S.WITHDRAWN, S.DRAINING)),
    Transition(S.DISABLED, E.POOL_DELETED, S.REVOKING, Effect.REVOKE),
    Transition(S.REVOKING, E.REVOKED, None),
    Transition(S.REVOKING, E.REVOKE_REFUSED, S.OWED),
    Transition(S.REVOKING, E.OVERDUE, S.OWED, Effect.REVOKE),
    Transition(S.UNRESOLVED, E.OVERDUE, S.OWED),
    Transition(S.HELD, E.OVERDUE, S.OWED),
    Transition(S.OWED, E.FOUND, S.OWED, Effect.REVOKE),
    Transition(S.OWED, E.ABSENT, None),
    Transition(S.OWED, E.REVOKED, None),
    Transition(S.OWED, E.HOLD_ENDED, None),
    *(Transition(state, E.ABANDONED, None) for state in (S.REVOKING, S.OWED, S.UNRESOLVED, S.HELD)),
    *(Transition(state, E.SUPPLIED, S.CREATED) for state in (None, S.DRAINING, S.OWED)),
    Transition(S.CREATED, E.REMOVED, None),
    *(Transition(state, E.REMOVED, S.DRAINING, Effect.UNPUBLISH) for state in (S.ACTIVE, S.WITHDRAWN)),
    Transition(S.OWED, E.ACKNOWLEDGED, None),
    *(Transition(state, E.LEFT, None) for state in (S.CREATED, S.ACTIVE, S.WITHDRAWN, S.DRAINING, S.OWED)),
    *(Transition(state, E.ADOPTED, S.ACTIVE) for state in (None, S.INTENDED, S.UNRESOLVED, S.HELD)),
)

_ROWS = {(row.before, row.evidence): row for row in TABLE}


def next_state(before: KeyState | None, evidence: Evidence) -> KeyState | None:
    """The state that `evidence` leads to; None when the key leaves the ledger. Raises IllegalTransition."""
    try:
        return _ROWS[(before, evidence)].after
    except KeyError:
        raise IllegalTransition(f"no row for a key that is {before} and {evidence.name}") from None
