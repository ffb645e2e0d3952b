"""A pool that has keys is not let out of hand: its finalizer is put back, and what its end is to be is remembered."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.actions import AddFinalizer, CreateKey, ReleaseSecrets, RestoreFinalizer, Retain, RevokeKey
from keypool.core.ledger import dump, load
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.projection import project
from keypool.core.reasons import Reason, Trouble
from keypool.core.rules.deletion import tombstone
from keypool.core.rules.holding import end_of
from tests.unit.core.builders import DOWN, NOW, SECOND, a_key, a_ledger, a_pool, a_spec, only, planned, seen

NAMES = ("web", "web-pool", "web-relay")
KEYS = (a_key(0), a_key(1))
RETAIN = a_spec(deletionPolicy="Retain")


def bare(**facts: Any) -> Any:
    """A pool with keys, and without our finalizer."""
    return a_pool(has_finalizer=False, **facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"pool": bare()},
        {"pool": bare(spec=a_spec(suspend=True))},
        {"pool": bare(spec=None, spec_error="spec.size: too large")},
        {"pool": bare(), "refused": Problem(Reason.NOT_A_TENANT, "not yours")},
        {"pool": bare(), "provider": None, "provider_problem": DOWN},
    ],
    ids=["served", "suspended", "unreadable", "refused", "without provider"],
)
def test_the_finalizer_is_put_back_whatever_else_holds_the_pool_up(facts: Any) -> None:
    assert only(RestoreFinalizer, planned(seen(*KEYS, **facts)).actions) == [RestoreFinalizer()]


@pytest.mark.parametrize(
    "o",
    [seen(*KEYS), seen(pool=bare(spec=a_spec(suspend=True))), seen(*KEYS, pool=bare(deleted_at=NOW))],
    ids=["it is there", "no key", "being deleted"],
)
def test_no_finalizer_is_put_back_where_it_is_there_or_not_needed(o: Any) -> None:
    assert not only(RestoreFinalizer, planned(o).actions)


def test_whoever_takes_it_off_again_at_once_meets_a_pause_and_nothing_else_waits_for_it() -> None:
    trouble = {"finalizer": Trouble(Reason.FINALIZER_MISSING, "again", needs_person=False)}
    o = seen(*KEYS, pool=bare(), wait_until={"finalizer": NOW + SECOND}, troubles=trouble)
    assert not only(RestoreFinalizer, planned(o).actions)
    assert planned(o).wake_at == NOW + SECOND


def test_before_a_create_call_the_finalizer_waits_for_no_pause() -> None:
    actions = planned(seen(a_key(0), pool=bare(), wait_until={"finalizer": NOW + SECOND})).actions
    assert only(CreateKey, actions)
    assert only(AddFinalizer, actions)


def test_what_the_end_is_to_be_is_written_down_once_when_it_changes() -> None:
    decided = planned(seen(*KEYS, pool=a_pool(spec=RETAIN))).ledger
    assert load(dump(decided)).end == end_of(RETAIN)
    assert planned(seen(ledger=decided, pool=a_pool(spec=RETAIN))).ledger == decided
    assert planned(seen(ledger=decided)).ledger.end is None, "Revoke again"


def test_a_ledger_of_a_pool_that_is_to_be_revoked_needs_no_write_for_it() -> None:
    o = seen(*KEYS)
    assert planned(o).ledger.end is None


def test_a_pool_with_retain_that_went_without_its_finalizer_is_retained() -> None:
    ledger = a_ledger(*KEYS, end=end_of(RETAIN))
    gone = replace(seen(ledger=ledger), pool=None, secrets={}, provider=None)
    decided = planned(gone)
    assert decided.actions == (Retain(NAMES, project(ledger, a_spec())),)
    assert decided.ledger == ledger, "its values are forgotten after the Secrets stand"
    after = planned(replace(gone, ledger=tombstone(ledger)))
    assert (after.actions, after.ledger) == ((), tombstone(ledger))
    assert after.ledger.retained
    assert not [key for key in after.ledger.keys if key.value]


def test_a_pool_that_went_without_its_finalizer_is_revoked_where_that_was_its_policy() -> None:
    ledger = a_ledger(*KEYS, end=end_of(a_spec(deletionPolicy="RevokeAndWait")))
    gone = replace(seen(ledger=ledger), pool=None, secrets={}, provider=None)
    assert [type(action) for action in planned(gone).actions] == [RevokeKey, RevokeKey]


def test_a_pool_whose_spec_cannot_be_read_ends_as_it_was_to_end() -> None:
    going = a_pool(spec=None, spec_error="damaged", deleted_at=NOW)
    retained = planned(seen(ledger=a_ledger(*KEYS, end=end_of(RETAIN)), pool=going)).actions
    assert [action.names for action in only(ReleaseSecrets, retained)] == [NAMES]
    waits = a_ledger(a_key(0, KeyState.OWED), end=end_of(a_spec(deletionPolicy="RevokeAndWait")))
    assert [type(action) for action in planned(seen(ledger=waits, pool=going)).actions] == [RevokeKey]
