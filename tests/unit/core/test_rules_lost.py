"""After a lost answer: when the next call may be made, how many keys may exist unknown, and what a listing shows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.actions import CreateKey
from keypool.core.claims import Doubt, shown_absent
from keypool.core.deadlines import CREATE_DEADLINE
from keypool.core.lifecycle import KeyState
from keypool.core.rules import creation
from keypool.core.rules.intents import begun
from tests.unit.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_pool,
    a_spec,
    decide,
    only,
    seen,
)

HELD, ACTIVE = KeyState.HELD, KeyState.ACTIVE
ASKED = {"asked": "requested"}


def lost(slot: Any = 0, ago: Any = SECOND, name: Any = "lost", **facts: Any) -> Any:
    """A key that may exist: the answer to its create call was lost so long ago."""
    return a_key(slot, HELD, name=name, intended_at=NOW - ago, **facts)


def slots(*keys: Any, **facts: Any) -> list[int]:
    """Which slots get a key."""
    facts = {"answered": NOW, "pool": a_pool(spec=a_spec(size=1)), **facts}
    decision = decide(creation.slots_get_keys, seen(*keys, **facts))
    names = {action.name for action in only(CreateKey, decision.actions)}
    return [key.slot for key in decision.ledger.keys if key.name in names] if decision.ledger else []


@pytest.mark.parametrize(
    ("keys", "ago", "again"),
    [
        ([a_key(0, **ASKED)], 59 * SECOND, []),
        ([a_key(0, **ASKED)], 80 * SECOND, [0]),
        ([], 19 * SECOND, []),
        ([], 21 * SECOND, [0]),
        ([a_key(0, asked="compromised")], 21 * SECOND, [0]),
        ([a_key(0, **ASKED, expires_at=NOW + 40 * SECOND)], 45 * SECOND, [0]),
    ],
    ids=["works", "a minute later", "serves nobody", "call is over", "leaked", "ends soon"],
)
def test_the_second_call_waits_as_long_as_the_old_key_allows(keys: Any, ago: Any, again: Any) -> None:
    assert slots(*keys, lost(ago=ago)) == again


@pytest.mark.parametrize("answered", [None, NOW - 3 * MINUTE], ids=["never", "before"])
def test_the_second_call_waits_until_the_provider_answered_something(answered: Any) -> None:
    keys = (a_key(0, **ASKED), lost(ago=2 * MINUTE))
    assert slots(*keys, answered=answered) == []
    assert slots(*keys) == [0]


def test_while_the_provider_answers_nothing_the_other_slots_wait_too() -> None:
    two = a_pool(spec=a_spec(size=2))
    keys = (a_key(0), a_key(1, **ASKED), lost(0, ago=2 * MINUTE))
    assert slots(*keys, pool=two, answered=None) == []
    assert slots(*keys, pool=two) == [1]


def test_another_providers_lost_answer_holds_nothing_up() -> None:
    assert slots(a_key(0, **ASKED), lost(provider="another"), answered=None) == [0]


def test_a_slot_has_two_unknown_keys_and_a_third_only_when_its_last_key_would_end_first() -> None:
    two = (lost(name="a", ago=HOUR), lost(name="b", ago=HOUR))
    far, near = NOW + 60 * DAY, NOW + 20 * MINUTE
    assert slots(a_key(0, expires_at=far, **ASKED), *two) == []
    assert slots(a_key(0, expires_at=NOW + 20 * DAY, **ASKED), *two) == [], "not before it is about to end"
    assert slots(a_key(0, expires_at=near), *two) == [0]
    assert slots(a_key(0, expires_at=near), *two, lost(name="c", ago=HOUR)) == []
    assert slots(*two) == []


def test_a_pool_has_one_unknown_key_more_than_slots() -> None:
    three = a_pool(spec=a_spec(size=3))
    held = [lost(slot, name=f"l{slot}", ago=HOUR) for slot in range(3)] + [lost(0, name="x", ago=HOUR)]
    active = [a_key(slot, asked="key rejected", why="interval") for slot in range(3)]
    assert slots(*active, *held, pool=three) == []
    assert len(slots(*held[:2], pool=three)) == 2, "as many as leave it at four"


@pytest.mark.parametrize(("ago", "stalls"), [(MINUTE, False), (30 * MINUTE, True)])
def test_a_person_is_asked_when_no_listing_is_likely_to_tell(ago: Any, stalls: Any) -> None:
    showing = replace(PROVIDER, capabilities=replace(PROVIDER.capabilities, lists_names=False, lists_inactive=True))
    o = seen(lost(name="a", ago=ago), lost(name="b", ago=ago), provider=showing, pool=a_pool(spec=a_spec(size=1)))
    decision = decide(creation.slots_get_keys, o)
    assert [problem.stalls for problem in decision.problems] == [stalls]
    assert stalls or (decision.wake_at is not None and decision.wake_at > NOW)


DOUBT = Doubt("lost", NOW - MINUTE, NOW - MINUTE + CREATE_DEADLINE)
OURS = {None: NOW - HOUR}


@pytest.mark.parametrize(
    ("unknown", "identities", "begun", "absent"),
    [
        ({}, OURS, NOW, True),
        ({"theirs": NOW - HOUR}, OURS, NOW, True),
        ({"theirs": NOW - MINUTE}, OURS, NOW, False),
        ({"theirs": None}, OURS, NOW, False),
        ({}, {}, NOW, False),
        ({}, {"another team": NOW - HOUR}, NOW, False),
        ({}, OURS, NOW - MINUTE, False),
    ],
    ids=[
        "nothing unknown",
        "listed before the intent",
        "listed since",
        "new",
        "no live key of ours",
        "only of another identity",
        "begun too early",
    ],
)
def test_a_listing_of_a_shared_account_shows_that_a_call_made_no_key(
    unknown: Any, identities: Any, begun: Any, absent: Any
) -> None:
    assert bool(shown_absent([DOUBT], unknown, identities, begun)) == absent


def test_an_intent_of_an_earlier_leadership_is_older_than_all_that_this_one_saw() -> None:
    """Whatever that one's clock said: else a key that it made would be taken for one that was there before."""
    o = seen(started_at=NOW - MINUTE)
    ahead = lost(ago=timedelta(0), epoch="before", begun_at=NOW - SECOND)
    assert begun(o, ahead) == NOW - MINUTE
    assert begun(o, ahead.model_copy(update={"epoch": o.epoch})) == NOW - SECOND
    assert begun(o, lost(ago=timedelta(0), epoch=o.epoch)) == NOW - CREATE_DEADLINE, "it may have begun before"


def test_a_call_that_is_made_again_keeps_the_moment_of_the_first_one() -> None:
    chooses = replace(PROVIDER, capabilities=replace(PROVIDER.capabilities, chooses_value=True))
    first = a_key(
        0, KeyState.UNRESOLVED, name="lost", value=SecretStr("chosen"), intended_at=NOW - HOUR, epoch="before"
    )
    decision = decide(creation.lost_creates_are_repeated, seen(first, provider=chooses, started_at=NOW - DAY))
    again = decision.ledger.key("lost")
    assert (again.intended_at, again.begun_at) == (NOW, NOW - DAY)


@pytest.mark.parametrize("names", [{0: "ab", 1: "c", 2: "d"}, {1: "ab", 2: "cd"}], ids=["the slot", "the pool"])
def test_who_lost_the_answers_is_told_as_it_is(names: Any) -> None:
    keys = [lost(slot, name=name, ago=HOUR) for slot, each in names.items() for name in each]
    (problem,) = decide(creation.slots_get_keys, seen(*keys, pool=a_pool(spec=a_spec(size=3)))).problems
    told = "slot 0 lost the answers of 2" if 0 in names else "the pool lost the answers of 4 create calls; slot 0 gets"
    assert told in problem.message


@pytest.mark.parametrize(
    ("since", "absent"),
    [(NOW - HOUR, True), (NOW - SECOND, False), (None, False)],
    ids=["used before the intent", "used since", "not known"],
)
def test_a_key_that_is_younger_than_the_intent_tells_its_account_only_for_a_credential_that_was_used_before(
    since: Any, absent: Any
) -> None:
    """The call may have been made with the credential of another account, which was put right since."""
    assert bool(shown_absent([DOUBT], {}, {None: NOW - SECOND}, NOW, since)) == absent
