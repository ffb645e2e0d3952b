"""All situations that a pool can be in, and what each condition says in them: the one place that decides it.

Read from top to bottom, see `core.situation`. A new situation is one entry here, its function in `core.sees` (or
`sees_keys`), and an example in `keypool_lab.examples`, from which docs/conditions.md is generated.
"""

from keypool.core import sees, sees_keys
from keypool.core.reasons import Condition, Reason
from keypool.core.sight import Sight
from keypool.core.situation import RESTS, STALLS, WORKS, Say, Situation

READY, PUBLISHED, HEALTHY, REVOKED = Condition.READY, Condition.PUBLISHED, Condition.HEALTHY, Condition.REVOKED
SPENDING = Condition.WITHIN_SPEND_LIMIT
DEAD = Say(False, Reason.NO_LIVE_KEY, "no published key is accepted by the provider")

OF_THE_POOL: tuple[Situation[Sight], ...] = (
    Situation(
        "A pass failed in a way that nobody foresaw",
        sees.failed_look,
        {READY: Say(None), PUBLISHED: Say(None), HEALTHY: Say(None), REVOKED: Say(None), SPENDING: None, **WORKS},
    ),
    Situation("A reported leak is not contained", sees_keys.leak, {REVOKED: Say(False)}),
    Situation("A person is needed", sees.stalled, STALLS),
    Situation("A part of a pass failed in a way that nobody foresaw", sees.unforeseen, WORKS),
    Situation(
        "The pool is being deleted",
        sees.deletion,
        {
            READY: Say(False, text="the pool is being deleted"),
            PUBLISHED: Say(False, text="the Secrets go with the pool"),
            HEALTHY: Say(None, text="the keys are being revoked"),
            **WORKS,
        },
    ),
    Situation("The ledger is gone or not to be believed, and a Secret stands", sees.orphan, {READY: Say(None)}),
    Situation(
        "The ledger is gone or not to be believed",
        sees.lost_ledger,
        {PUBLISHED: Say(None), HEALTHY: Say(None), REVOKED: Say(None), **WORKS},
    ),
    Situation("The spec cannot be read any more", sees.unreadable_since, {READY: Say(None)}),
    Situation("The spec cannot be read", sees.unreadable_spec, {PUBLISHED: Say(None), HEALTHY: Say(None), **STALLS}),
)
"""What concerns the pool as a whole."""

OF_THE_SECRET: tuple[Situation[Sight], ...] = (
    Situation("A restored ledger is being checked", sees.recovery, {PUBLISHED: Say(False), **WORKS}),
    Situation("A Secret is not what it must be", sees.unwritten, {PUBLISHED: Say(False), **WORKS}),
    Situation("The cluster does not take what has to be written", sees.failed_pass, WORKS),
    Situation("The provider rejects most keys of the account", sees.doubted_keys, {READY: Say(None), **WORKS}),
    Situation("A live key is published", sees.live_key, {READY: Say(True)}),
    Situation(
        "The published key was rejected, and is asked about again", sees.doubted_key, {READY: Say(None), **WORKS}
    ),
    Situation("Keys are there, and none is in the Secret", sees.no_secret, {READY: Say(False)}),
    Situation("No published key is live, and the pool is suspended", sees.dead_and_suspended, {READY: DEAD, **RESTS}),
    Situation("No published key is live", sees.dead, {READY: DEAD, **WORKS}),
    Situation("A person is needed before there are keys", sees.stalled, {READY: Say(False)}),
    Situation("Suspended before there are keys", sees.suspended_at_first, {READY: None, **RESTS}),
    Situation("Keys are made for the first time", sees.first_keys, {READY: Say(False), **WORKS}),
    Situation("A reported leak is not contained yet", sees_keys.leak, WORKS),
    Situation("Suspended", sees.suspension, RESTS),
    Situation("The spec changed", sees.update, WORKS),
    Situation("New keys are asked for too fast", sees.waiting_turn, WORKS),
    Situation("No key is ready for the Secret", sees.nothing_to_publish, {PUBLISHED: Say(None)}),
    Situation("The Secrets are what they must be", sees.written, {PUBLISHED: Say(True)}),
)
"""What people may rely on: the key in the Secret."""

OF_THE_KEYS: tuple[Situation[Sight], ...] = (
    Situation(
        "The provider rejects most keys of the account, or of a part of it",
        sees.brake,
        {HEALTHY: Say(False)},
    ),
    Situation("A key is rejected", sees_keys.rejected_key, {HEALTHY: Say(False)}),
    Situation("A value that people withdrew stays published", sees_keys.kept_values, {HEALTHY: Say(False)}),
    Situation("No key can be made", sees_keys.failed_create, {HEALTHY: Say(False)}),
    Situation("A slot is empty", sees_keys.empty_slot, {HEALTHY: Say(False)}),
    Situation("There is no verdict on a key", sees_keys.silent_key, {HEALTHY: Say(None)}),
    Situation("A key that people made gets old", sees_keys.ageing_key, {HEALTHY: Say(False)}),
    Situation("The answer to a create call was lost", sees_keys.lost_answer, {REVOKED: Say(False)}),
    Situation("People have to revoke a key", sees_keys.manual_revocation, {REVOKED: Say(False)}),
    Situation("The provider refuses to revoke a key", sees_keys.refused_revocation, {REVOKED: Say(False)}),
    Situation("A revocation takes longer than planned", sees_keys.late_revocation, {REVOKED: Say(False)}),
    Situation("A revocation waits for the clock", sees_keys.uncertain_time, {REVOKED: Say(False)}),
    Situation("Keys are being revoked, as planned", sees_keys.planned_revocation, {REVOKED: Say(True)}),
    Situation("Much of the spending limit is used up", sees_keys.much_spent, {SPENDING: Say(False)}),
    Situation("Little of the spending limit is used up", sees_keys.little_spent, {SPENDING: Say(True)}),
)
"""Whether the keys work, and whether those that nobody needs are gone."""

AT_REST: Situation[Sight] = Situation(
    "Nothing else",
    sees.nothing,
    {
        HEALTHY: Say(True, Reason.ALL_KEYS_ACCEPTED, "every published key was accepted when last checked"),
        REVOKED: Say(True, Reason.NOTHING_OUTSTANDING, "no revocation is outstanding"),
        SPENDING: None,
        **RESTS,
    },
)

SITUATIONS = (*OF_THE_POOL, *OF_THE_SECRET, *OF_THE_KEYS, AT_REST)
