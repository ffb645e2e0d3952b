"""The planner: `plan(observation, now) -> Plan`. Purely computational, no side effects.

Five chains of rules, for the situations that a pool can be in. Reading a chain from top to bottom tells what
keypool does for a pool; each rule's docstring tells why.
"""

from datetime import datetime, timedelta

from keypool.core.brake import Grip
from keypool.core.decision import Decision, Plan, Rule, earliest, run_chain
from keypool.core.grace import of_pool, patient
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.rules import (
    acknowledged,
    creation,
    deletion,
    disabling,
    health,
    holding,
    intents,
    limits,
    publication,
    requests,
    retirement,
    spending,
    static,
)

LOOK_AGAIN = timedelta(seconds=30)
"""A Secret that is not ours is not watched: look again after this."""
LOOK_AT_LAST = timedelta(minutes=5)
"""A provider that can be used again has its pools looked at; this is for what may go wrong with that."""
REFUSED_AT_LAST = timedelta(minutes=15)
"""The same for a pool that is refused: what it waits for has it looked at, and there may be thousands of them."""


def problems_are_told(o: Observation, plan: Plan, now: datetime) -> Decision:
    """What stands in the way from outside, said once for all rules. A Secret that another pool got is foreign, too: to
    delete it would be wrong advice."""
    unpublishable = publication.publication_blocked(o)
    outside, end = (o.refused, o.provider_problem, unpublishable), of_pool(o, now)
    problems = [patient(problem, end) for problem in outside if problem is not None]
    blocked = o.provider_problem or o.grip is not Grip.FREE
    wake_at = earliest(
        now + LOOK_AGAIN if unpublishable else None,
        now + LOOK_AT_LAST if blocked else None,
        now + _patience(o.refused) if o.refused is not None else None,
        end if problems else None,
    )
    return Decision(f"{len(problems)} problems outside", problems=tuple(problems), wake_at=wake_at)


def _patience(refused: Problem) -> timedelta:
    return LOOK_AGAIN if refused.reason is Reason.CLUSTER_UNAVAILABLE else REFUSED_AT_LAST


def the_spec_is_unreadable(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Touch nothing: what is published stays."""
    return Decision(
        o.known_pool.spec_error, problems=(Problem(Reason.SPEC_INVALID, o.known_pool.spec_error),), final=True
    )


SERVING: tuple[Rule, ...] = (
    problems_are_told,
    holding.the_finalizer_is_put_back,
    intents.lost_answers_are_unresolved,
    intents.unsent_intents_are_forgotten,
    intents.lost_keys_are_looked_for,
    intents.ended_holds_are_forgotten,
    requests.requested_rotation_is_marked,
    requests.compromised_keys_are_marked,
    requests.compromised_keys_without_successor_are_revoked,
    requests.lost_keys_are_cleared,
    requests.disabled_keys_are_wanted_back,
    requests.owed_keys_are_abandoned,
    acknowledged.revoked_keys_are_forgotten,
    publication.keys_without_a_slot_leave,
    publication.unwanted_new_keys_are_revoked,
    publication.rejected_new_keys_are_revoked,
    health.failed_keys_are_withdrawn,
    health.good_keys_come_back,
    publication.proven_keys_take_their_slot,
    publication.the_primary_is_chosen,
    publication.secrets_follow_the_ledger,
    publication.publication_is_recorded,
    retirement.unneeded_keys_are_revoked,
    disabling.quiet_keys_are_revoked,
    disabling.switches_are_carried_out,
    static.keys_of_people_are_owed,
    retirement.revocations_are_carried_out,
    limits.limits_follow_the_spec,
    health.gone_keys_are_looked_for,
    health.keys_are_probed,
    spending.usage_is_read,
    spending.spending_periods_turn,
    creation.lost_creates_are_repeated,
    creation.slots_get_keys,
    creation.the_finalizer_comes_first,
    holding.the_end_is_remembered,
)

STATIC: tuple[Rule, ...] = (
    problems_are_told,
    holding.the_finalizer_is_put_back,
    static.the_source_is_told,
    intents.lost_answers_are_unresolved,
    intents.unsent_intents_are_forgotten,
    intents.lost_keys_are_looked_for,
    intents.ended_holds_are_forgotten,
    requests.requested_rotation_is_marked,
    requests.compromised_keys_are_marked,
    requests.lost_keys_are_cleared,
    requests.owed_keys_are_abandoned,
    acknowledged.revoked_keys_are_forgotten,
    static.values_are_taken,
    static.removed_values_leave,
    publication.keys_without_a_slot_leave,
    health.failed_keys_are_withdrawn,
    health.good_keys_come_back,
    static.good_values_take_slots,
    publication.the_primary_is_chosen,
    publication.secrets_follow_the_ledger,
    publication.publication_is_recorded,
    retirement.unneeded_keys_are_revoked,
    disabling.quiet_keys_are_revoked,
    disabling.switches_are_carried_out,
    static.keys_of_people_are_owed,
    retirement.revocations_are_carried_out,
    static.values_are_probed,
    static.the_finalizer_comes_with_the_keys,
    static.what_people_should_do_is_told,
    holding.the_end_is_remembered,
)
"""For keys that people make: nothing is created, and nothing revoked but keys of an earlier provider of that name."""

UNREADABLE: tuple[Rule, ...] = (holding.the_finalizer_is_put_back, the_spec_is_unreadable)

DELETING: tuple[Rule, ...] = (
    intents.lost_answers_are_unresolved,
    intents.unsent_intents_are_forgotten,
    intents.ended_holds_are_forgotten,
    deletion.retained_keys_are_left,
    static.keys_of_people_are_left,
    intents.lost_keys_are_looked_for,
    requests.owed_keys_are_abandoned,
    deletion.keys_of_a_deleted_pool_are_revoked,
    deletion.overdue_keys_are_owed,
    retirement.revocations_are_carried_out,
    deletion.a_settled_pool_may_go,
)

GONE: tuple[Rule, ...] = (
    intents.lost_answers_are_unresolved,
    intents.unsent_intents_are_forgotten,
    intents.ended_holds_are_forgotten,
    requests.owed_keys_are_abandoned,
    static.keys_of_people_are_left,
    deletion.keys_of_a_deleted_pool_are_revoked,
    deletion.overdue_keys_are_owed,
    intents.lost_keys_are_looked_for,
    retirement.revocations_are_carried_out,
    deletion.an_empty_ledger_is_dropped,
)

RETAINED: tuple[Rule, ...] = (deletion.a_tombstone_holds_no_values,)
"""Also for a pool that went without its finalizer, of which the ledger remembers that it is to be retained."""


def plan(observation: Observation, now: datetime) -> Plan:
    """Decides what to do for a pool. A plan equal to the observed ledger without actions means: nothing to do."""
    return run_chain(_chain(observation), observation, now)


def _chain(o: Observation) -> tuple[Rule, ...]:
    if o.pool is None:
        is_retained = o.ledger.retained or deletion.policy_of(o) == "Retain"
        return RETAINED if is_retained else () if o.crd_going else GONE
    if o.pool.deleted_at is not None:
        return DELETING
    if o.pool.spec is None:
        return UNREADABLE
    return STATIC if static.keys_come_from_people(o) else SERVING
