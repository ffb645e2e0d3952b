"""Deletion: never hangs, never forgets what may still live, and honours each policy."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.actions import (
    DropLedger,
    KeepCredential,
    LookUp,
    ReleaseSecrets,
    RemoveFinalizer,
    RemoveSecrets,
    RevokeKey,
)
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Problem
from keypool.core.projection import project
from keypool.core.reasons import Reason, Trouble
from keypool.core.rotation import Why
from keypool.core.rules import deletion
from tests.unit.core.builders import (
    MINUTE,
    NAMING,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    concluded,
    decide,
    planned,
    seen,
    states,
)

REVOKING, OWED, HELD, DRAINING = KeyState.REVOKING, KeyState.OWED, KeyState.HELD, KeyState.DRAINING
UNRESOLVED, CREATED, WITHDRAWN = KeyState.UNRESOLVED, KeyState.CREATED, KeyState.WITHDRAWN


def going(policy: Any = "Revoke", since: Any = NOW, **facts: Any) -> Any:
    """A pool that is being deleted."""
    return a_pool(deleted_at=since, spec=a_spec(deletionPolicy=policy), **facts)


NAMES = ("web", "web-pool", "web-relay")
LATE = NOW - 60 * SECOND


@pytest.mark.row("CREATED", "POOL_DELETED")
@pytest.mark.row("ACTIVE", "POOL_DELETED")
@pytest.mark.row("WITHDRAWN", "POOL_DELETED")
@pytest.mark.row("DRAINING", "POOL_DELETED")
@pytest.mark.row("DISABLED", "POOL_DELETED")
def test_all_keys_of_a_deleted_pool_are_revoked_and_its_secrets_removed() -> None:
    states_but_active = (CREATED, DRAINING, WITHDRAWN, KeyState.DISABLED)
    keys = (a_key(0), a_key(1), *(a_key(0, state) for state in states_but_active))
    decision = decide(deletion.keys_of_a_deleted_pool_are_revoked, seen(*keys, pool=going()))
    assert set(states(decision.ledger).values()) == {"revoking"}
    assert decision.actions == (RemoveSecrets(("web", "web-pool", "web-relay")),)


def test_revocation_goes_on_while_removing_the_secrets_waits() -> None:
    o = seen(a_key(0), pool=going(), wait_until={"publish": NOW + SECOND})
    decision = decide(deletion.keys_of_a_deleted_pool_are_revoked, o)
    assert (decision.actions, decision.wake_at) == ((), NOW + SECOND)
    assert states(decision.ledger) == {"active-0": "revoking"}


@pytest.mark.row("REVOKING", "OVERDUE")
@pytest.mark.row("UNRESOLVED", "OVERDUE")
@pytest.mark.row("HELD", "OVERDUE")
def test_what_is_not_confirmed_after_sixty_seconds_is_owed() -> None:
    keys = (a_key(0, REVOKING), a_key(1, HELD), a_key(2, UNRESOLVED))
    after = decide(deletion.overdue_keys_are_owed, seen(*keys, pool=going(since=LATE))).ledger
    assert set(states(after).values()) == {"owed"}


@pytest.mark.row("OWED", "FOUND")
@pytest.mark.row("OWED", "ABSENT")
def test_a_lost_call_that_is_owed_is_looked_for_also_when_its_pool_is_gone() -> None:
    lost = a_key(0, OWED).model_copy(update={"handle": None})
    assert planned(
        replace(seen(lost, secrets={}, provider=replace(PROVIDER, capabilities=NAMING)), pool=None)
    ).actions == (LookUp((lost.name,)),)
    ledger = a_ledger(lost)
    assert states(ledger.advance(lost.name, Evidence.FOUND, handle="h")) == {lost.name: "owed"}
    assert ledger.advance(lost.name, Evidence.ABSENT).keys == ()


def test_a_key_that_people_made_and_should_revoke_is_not_looked_for() -> None:
    theirs = a_key(0, OWED).model_copy(update={"handle": None, "why": Why.SUPPLIED})
    assert not any(
        isinstance(action, LookUp) for action in planned(replace(seen(theirs, secrets={}), pool=None)).actions
    )


def test_before_the_deadline_nothing_is_owed() -> None:
    decision = decide(deletion.overdue_keys_are_owed, seen(a_key(0, REVOKING), pool=going(since=LATE + SECOND)))
    assert (decision.ledger, decision.wake_at) == (None, NOW + SECOND)


def test_a_key_that_the_provider_may_still_accept_as_planned_is_not_owed_yet() -> None:
    lagging = replace(PROVIDER, capabilities=replace(NAMING, revocation_lag=MINUTE))
    o = seen(a_key(0, REVOKING), pool=going(since=LATE), provider=lagging)
    decision = decide(deletion.overdue_keys_are_owed, o)
    assert (decision.ledger, decision.wake_at) == (None, LATE + 2 * MINUTE)


def test_a_pool_that_waits_for_its_last_key_owes_nothing_by_time() -> None:
    o = seen(a_key(0, REVOKING), pool=going("RevokeAndWait", since=NOW - 60 * MINUTE))
    assert decide(deletion.overdue_keys_are_owed, o).ledger is None


def test_a_pool_goes_when_every_key_is_proven_gone() -> None:
    assert decide(deletion.a_settled_pool_may_go, seen(pool=going())).actions == (RemoveFinalizer(),)


def test_a_pool_stays_while_a_key_is_being_revoked() -> None:
    assert decide(deletion.a_settled_pool_may_go, seen(a_key(0, REVOKING), pool=going())).actions == ()


def test_a_pool_with_owed_keys_goes_only_with_the_credential_kept() -> None:
    o = seen(a_key(0, OWED), a_key(1, OWED, handle=None, provider="p2"), pool=going())
    actions = decide(deletion.a_settled_pool_may_go, o).actions
    assert actions == (KeepCredential(("p2", "provider-1")), RemoveFinalizer())


def test_a_pool_that_waits_for_its_last_key_stays_also_while_one_is_owed() -> None:
    o = seen(a_key(0, OWED), pool=going("RevokeAndWait"))
    assert decide(deletion.a_settled_pool_may_go, o).actions == ()


@pytest.mark.parametrize("facts", [{"has_finalizer": True, "wait": True}, {"has_finalizer": False, "wait": False}])
def test_the_finalizer_is_removed_once_and_not_during_a_pause(facts: Any) -> None:
    o = seen(pool=going(has_finalizer=facts["has_finalizer"]))
    o = replace(o, wait_until={"publish": NOW + SECOND}) if facts["wait"] else o
    assert decide(deletion.a_settled_pool_may_go, o).actions == ()


def test_retained_secrets_are_released_before_the_pool_goes_and_a_tombstone_stays() -> None:
    o = seen(a_key(0), a_key(1, REVOKING), pool=going("Retain"))
    decided = planned(o)
    assert decided.actions == (ReleaseSecrets(NAMES, project(o.ledger, a_spec())), RemoveFinalizer())
    assert decided.ledger.retained
    assert states(decided.ledger) == {"active-0": "active", "revoking-1": "revoking"}
    assert all(key.value is not None for key in decided.ledger.keys), "a Secret may have to be written again"


def test_a_tombstone_holds_no_values_once_its_pool_is_gone() -> None:
    o = replace(seen(ledger=a_ledger(a_key(0), retained=True), secrets={}), pool=None)
    decided = planned(o)
    assert decided.actions == ()
    assert [key.value for key in decided.ledger.keys] == [None]


def test_a_crd_that_is_deleted_means_retain() -> None:
    o = seen(a_key(0), pool=going(), crd_going=True)
    assert planned(o).actions == (ReleaseSecrets(NAMES, project(o.ledger, a_spec())), RemoveFinalizer())
    assert planned(replace(o, pool=None)).actions == ()


def test_a_retained_pool_that_others_hold_is_left_alone() -> None:
    o = seen(
        ledger=a_ledger(a_key(0, value=None), retained=True), pool=going("Retain", has_finalizer=False), secrets={}
    )
    decided = planned(o)
    assert (decided.actions, decided.ledger) == ((), o.ledger)


def test_a_pool_that_never_had_a_key_leaves_no_tombstone() -> None:
    assert not planned(seen(pool=going("Retain"))).ledger.retained


def test_the_keys_of_a_pool_that_vanished_are_owed_and_revoked() -> None:
    o = replace(seen(a_key(0), a_key(1, UNRESOLVED, handle=None)), pool=None, secrets={}, provider=None)
    decided = planned(o)
    assert states(decided.ledger) == {"active-0": "owed", "unresolved-1": "owed"}
    assert decided.actions == (RevokeKey("active-0"),)


def test_an_empty_ledger_is_dropped_when_its_pool_is_gone() -> None:
    o = replace(seen(), pool=None)
    assert planned(o).actions == (DropLedger(),)
    assert planned(replace(o, wait_until={"publish": NOW + SECOND})).actions == ()


def test_a_tombstone_is_kept() -> None:
    o = replace(seen(ledger=a_ledger(a_key(0, value=None), retained=True), secrets={}), pool=None)
    assert planned(o).actions == ()


def test_a_tombstone_whose_policy_becomes_revoke_is_one_no_more() -> None:
    """Else its keys would be let go with the pool, and nobody would ever revoke them."""
    o = seen(ledger=a_ledger(a_key(0), retained=True), pool=going())
    assert planned(o).ledger.retained is False


UNLISTABLE = Problem(Reason.PROVIDER_NOT_READY, "the listing takes more than 64 MiB")
TOO_LARGE = {"lookup": Trouble(Reason.ANSWER_TOO_LARGE, "the listing takes more than 64 MiB", needs_person=False)}
LATER = {"lookup": NOW + MINUTE}


@pytest.mark.parametrize(
    "facts",
    [{"provider_problem": UNLISTABLE}, {"troubles": TOO_LARGE, "wait_until": LATER}],
    ids=["not ready", "tried"],
)
def test_a_pool_that_waits_for_a_lost_call_which_no_listing_can_tell_of_asks_for_a_person(facts: Any) -> None:
    o = seen(a_key(0, UNRESOLVED), pool=going("RevokeAndWait"), **facts)
    told = {each.type: each for each in concluded(o, *planned(o).problems).conditions}
    assert told["Stalled"].reason == "AnswerLost"
    assert "the listing takes more than 64 MiB" in told["Stalled"].message
    assert "keypool.dev/abandon=unresolved-0" in told["Stalled"].message
    assert "Reconciling" not in told
    assert "the listing takes more than 64 MiB" in told["Revoked"].message


@pytest.mark.parametrize(
    ("policy", "keys"),
    [("Revoke", [a_key(0, UNRESOLVED)]), ("RevokeAndWait", [a_key(0, UNRESOLVED), a_key(1, REVOKING)])],
)
def test_a_pool_that_goes_on_by_itself_asks_for_nobody(policy: str, keys: Any) -> None:
    o = seen(*keys, pool=going(policy), provider_problem=UNLISTABLE)
    told = {each.type: each for each in concluded(o, *planned(o).problems).conditions}
    assert told["Reconciling"].reason == "Deleting"
    assert "Stalled" not in told
