"""Intents: a lost answer is never forgotten too early, and never for ever."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.actions import AddFinalizer, LookUp, RepeatCreate
from keypool.core.brake import Grip
from keypool.core.lifecycle import KeyState
from keypool.core.reasons import Reason, Trouble
from keypool.core.rules import creation, intents
from tests.unit.core.builders import (
    CHOOSING,
    DAY,
    DOWN,
    EPOCH,
    HOUR,
    MINUTE,
    NAMELESS,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_pool,
    decide,
    only,
    planned,
    seen,
    states,
)

INTENDED, UNRESOLVED, HELD, OWED = KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.HELD, KeyState.OWED
LONG_AGO = {"intended_at": NOW - 36 * SECOND}


@pytest.mark.row("INTENDED", "LOST")
def test_an_intent_of_an_earlier_leadership_becomes_unresolved() -> None:
    o = seen(a_key(0, INTENDED, epoch="epoch-1"), a_key(1, INTENDED))
    after = decide(intents.lost_answers_are_unresolved, o).ledger
    assert states(after) == {"intended-0": "unresolved", "intended-1": "intended"}


def test_an_intent_whose_call_was_made_and_not_recorded_becomes_unresolved() -> None:
    o = seen(a_key(0, INTENDED), sent=frozenset({"intended-0"}))
    assert states(decide(intents.lost_answers_are_unresolved, o).ledger) == {"intended-0": "unresolved"}


@pytest.mark.row("INTENDED", "NEVER_SENT")
def test_an_intent_whose_call_was_certainly_not_made_is_forgotten() -> None:
    o = seen(a_key(0, INTENDED), a_key(0, UNRESOLVED))
    assert states(decide(intents.unsent_intents_are_forgotten, o).ledger) == {"unresolved-0": "unresolved"}


def test_a_lost_key_is_looked_for_by_name_after_deadline_and_listing_lag() -> None:
    o = seen(a_key(0, UNRESOLVED, **LONG_AGO))
    assert decide(intents.lost_keys_are_looked_for, o).actions == (LookUp(("unresolved-0",)),)


def test_a_lost_key_is_not_looked_for_before_it_must_be_listed() -> None:
    o = seen(a_key(0, UNRESOLVED, intended_at=NOW - 24 * SECOND))
    decision = decide(intents.lost_keys_are_looked_for, o)
    assert not decision.actions
    assert decision.wake_at == NOW + SECOND


@pytest.mark.row("UNRESOLVED", "UNFINDABLE")
def test_a_lost_key_is_held_where_the_provider_lists_no_names() -> None:
    o = seen(a_key(0, UNRESOLVED), provider=NAMELESS)
    assert states(decide(intents.lost_keys_are_looked_for, o).ledger) == {"unresolved-0": "held"}


def test_a_lost_key_is_looked_for_without_names_where_the_account_is_ours_alone() -> None:
    o = seen(a_key(0, UNRESOLVED, **LONG_AGO), a_key(1, HELD, **LONG_AGO), provider=replace(NAMELESS, exclusive=True))
    assert decide(intents.lost_keys_are_looked_for, o).actions == (LookUp(("unresolved-0", "held-1")),)


CHOSEN = {"value": SecretStr("sk-chosen-by-us"), **LONG_AGO}


def repeated(*keys: Any, **facts: Any) -> Any:
    """The decision about repeating create calls."""
    return decide(creation.lost_creates_are_repeated, seen(*keys, **{"provider": CHOOSING, **facts}))


def test_a_lost_create_call_is_made_again_where_the_value_was_ours_to_choose() -> None:
    key = a_key(0, UNRESOLVED, **CHOSEN, epoch="epoch-1")
    decision = repeated(key)
    assert decision.actions == (RepeatCreate(key.name),)
    (again,) = decision.ledger.keys
    assert (again.intended_at, again.epoch, again.value) == (NOW, EPOCH, key.value), "it is durable before the call"
    assert not decide(intents.lost_keys_are_looked_for, seen(key, provider=CHOOSING)).actions


@pytest.mark.parametrize(
    ("key", "facts"),
    [
        (CHOSEN, {"provider": PROVIDER}),
        (LONG_AGO, {}),
        ({**CHOSEN, "provider": "another"}, {}),
        (CHOSEN, {"provider": replace(CHOOSING, confirmed=NOW)}),
        (CHOSEN, {"troubles": {"repeat:unresolved-0": Trouble(Reason.KEY_REFUSED, "no", False)}}),
    ],
    ids=["not chosen here", "no value", "another provider", "another account", "refused"],
)
def test_a_lost_create_call_is_never_made_again_where_it_might_make_a_second_key(key: Any, facts: Any) -> None:
    assert not repeated(a_key(0, UNRESOLVED, **key), **facts).actions


@pytest.mark.parametrize(
    "facts",
    [{"provider_problem": DOWN}, {"wait_until": {"create": NOW + SECOND}}, {"grip": Grip.UNSURE}],
    ids=["the provider is down", "the last call failed", "the brake holds"],
)
def test_a_lost_create_call_waits_and_is_neither_held_nor_looked_for_while(facts: Any) -> None:
    key = a_key(0, UNRESOLVED, **CHOSEN)
    assert not repeated(key, **facts).actions
    decision = decide(intents.lost_keys_are_looked_for, seen(key, provider=CHOOSING, **facts))
    assert (states(decision.ledger), decision.actions) == ({"unresolved-0": "unresolved"}, ())


def test_after_a_refusal_the_listing_decides() -> None:
    refused = {"repeat:unresolved-0": Trouble(Reason.KEY_REFUSED, "no", False)}
    o = seen(a_key(0, UNRESOLVED, **CHOSEN), provider=CHOOSING, troubles=refused)
    assert decide(intents.lost_keys_are_looked_for, o).actions == (LookUp(("unresolved-0",)),)


def test_a_pool_that_goes_looks_for_its_lost_key_instead_of_making_it_again() -> None:
    o = seen(a_key(0, UNRESOLVED, **CHOSEN), provider=CHOOSING, pool=a_pool(deleted_at=NOW))
    assert only(LookUp, planned(o).actions) == [LookUp(("unresolved-0",))]
    assert not only(RepeatCreate, planned(o).actions)


def test_no_create_call_is_made_again_before_the_pool_has_our_finalizer() -> None:
    o = seen(a_key(0, UNRESOLVED, **CHOSEN), provider=CHOOSING, pool=a_pool(has_finalizer=False))
    assert [type(action) for action in planned(o).actions][-1] is AddFinalizer


def test_a_held_key_is_looked_for_once_names_are_listed() -> None:
    o = seen(a_key(0, HELD, **LONG_AGO))
    assert decide(intents.lost_keys_are_looked_for, o).actions == (LookUp(("held-0",)),)


def test_another_providers_listing_says_nothing_about_a_lost_key() -> None:
    o = seen(a_key(0, UNRESOLVED, **LONG_AGO, provider="gone"), a_key(1, UNRESOLVED, **LONG_AGO))
    decision = decide(intents.lost_keys_are_looked_for, o)
    assert states(decision.ledger) == {"unresolved-0": "held", "unresolved-1": "unresolved"}
    assert decision.actions == (LookUp(("unresolved-1",)),)


def test_no_listing_is_asked_for_while_the_provider_is_down_or_the_last_one_failed() -> None:
    key = a_key(0, UNRESOLVED, **LONG_AGO)
    for facts in ({"provider_problem": DOWN}, {"wait_until": {"lookup": NOW + SECOND}}):
        assert not decide(intents.lost_keys_are_looked_for, seen(key, **facts)).actions, facts


def test_a_pause_that_is_over_wakes_nobody() -> None:
    o = seen(a_key(0, UNRESOLVED, **LONG_AGO), provider_problem=DOWN, wait_until={"lookup": NOW - SECOND})
    assert decide(intents.lost_keys_are_looked_for, o).wake_at is None


@pytest.mark.row("HELD", "HOLD_ENDED")
@pytest.mark.row("OWED", "HOLD_ENDED")
@pytest.mark.row("UNRESOLVED", "HOLD_ENDED")
def test_a_key_that_may_exist_is_forgotten_when_its_longest_life_is_over() -> None:
    over = {"expires_at": NOW, "handle": None, "value": None}
    o = seen(a_key(0, HELD, **over), a_key(1, OWED, **over), a_key(2, UNRESOLVED, **over))
    assert states(decide(intents.ended_holds_are_forgotten, o).ledger) == {}


def test_a_hold_ends_not_before_its_longest_life() -> None:
    o = seen(a_key(0, HELD, expires_at=NOW + DAY))
    decision = decide(intents.ended_holds_are_forgotten, o)
    assert states(decision.ledger) == {"held-0": "held"}
    assert decision.wake_at == NOW + DAY


def test_an_owed_key_with_a_handle_is_never_forgotten_by_time() -> None:
    o = seen(a_key(0, OWED, expires_at=NOW - DAY))
    assert states(decide(intents.ended_holds_are_forgotten, o).ledger) == {"owed-0": "owed"}


def test_nothing_is_looked_for_without_a_provider() -> None:
    o = replace(seen(a_key(0, UNRESOLVED, **LONG_AGO)), provider=None)
    assert decide(intents.lost_keys_are_looked_for, o).ledger is None


def test_an_answer_lost_before_the_account_was_changed_is_not_looked_for_in_the_new_one() -> None:
    """The new account's keys are not its, and its absence there says nothing."""
    lost = a_key(0, KeyState.UNRESOLVED, intended_at=NOW - HOUR)
    moved = replace(NAMELESS, exclusive=True, confirmed=NOW - MINUTE)
    decision = decide(intents.lost_keys_are_looked_for, seen(lost, provider=moved))
    assert (states(decision.ledger), decision.actions) == ({"unresolved-0": "held"}, ())


def test_a_held_key_that_no_listing_told_of_is_looked_for_at_once_when_the_account_is_said_to_be_ours_alone() -> None:
    waits: Any = {"wait_until": {"absent:held-0": NOW + HOUR}}
    key = a_key(0, HELD, **LONG_AGO)
    assert not decide(intents.lost_keys_are_looked_for, seen(key, provider=NAMELESS, **waits)).actions
    alone = seen(key, provider=replace(NAMELESS, exclusive=True), **waits)
    assert decide(intents.lost_keys_are_looked_for, alone).actions == (LookUp(("held-0",)),)
