"""Creation: who gets a key, and all the reasons for which nobody does."""

from typing import Any

import pytest

from keypool.core.actions import AddFinalizer, CreateKey, PublishSecrets, RevokeKey
from keypool.core.lifecycle import KeyState
from keypool.core.naming import nonce
from keypool.core.rules import creation
from tests.unit.core.builders import (
    DAY,
    DOWN,
    EPOCH,
    FOREIGN,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    TEMPLATE,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    decide,
    only,
    rejected,
    seen,
)

ACTIVE, CREATED, DRAINING, WITHDRAWN = KeyState.ACTIVE, KeyState.CREATED, KeyState.DRAINING, KeyState.WITHDRAWN
HELD, OWED, INTENDED, UNRESOLVED = KeyState.HELD, KeyState.OWED, KeyState.INTENDED, KeyState.UNRESOLVED
DUE = {"created_at": NOW - 24 * HOUR}


def slots(o: Any, *before: Any) -> Any:
    """The slots that get a key."""
    decision = decide(creation.slots_get_keys, o, *before)
    names = {action.name for action in only(CreateKey, decision.actions)}
    return sorted(key.slot for key in (decision.ledger or o.ledger).keys if key.name in names)


@pytest.mark.row("NONE", "NEEDED")
def test_every_empty_slot_gets_a_key_with_a_durable_intent() -> None:
    decision = decide(creation.slots_get_keys, seen())
    assert [key.slot for key in decision.ledger.keys] == [0, 1]
    assert [action.name for action in decision.actions] == [key.name for key in decision.ledger.keys]
    (first, second), name = decision.ledger.keys, f"kp.shop.web.inst.{nonce('e1', 0)}"
    assert (first.name, first.state, first.epoch, first.template) == (name, INTENDED, EPOCH, TEMPLATE)
    assert first.share < second.share


def test_a_held_intent_counts_as_live_until_the_longest_life_of_its_key() -> None:
    pool = a_pool(spec=a_spec(size=1, key={"lifetime": "25h"}))
    (intent,) = decide(creation.slots_get_keys, seen(pool=pool)).ledger.keys
    assert intent.expires_at == NOW + 2 * DAY + HOUR


@pytest.mark.parametrize("state", [INTENDED, UNRESOLVED, CREATED])
def test_a_slot_with_a_key_on_the_way_gets_no_other(state: Any) -> None:
    assert slots(seen(a_key(0, state))) == [1]


def test_a_lost_key_is_replaced_once_and_a_second_one_stops_the_slot() -> None:
    assert slots(seen(a_key(0, HELD, name="a"), a_key(1), answered=NOW)) == [0]
    o = seen(a_key(0, HELD, name="a"), a_key(0, HELD, name="b"), a_key(1), answered=NOW)
    assert slots(o) == []
    assert [problem.reason.value for problem in decide(creation.slots_get_keys, o).problems] == ["AnswerLost"]


def test_a_stopped_slot_is_told_also_while_nothing_can_be_made() -> None:
    keys = (a_key(0, HELD, name="a"), a_key(0, HELD, name="b"), a_key(1))
    o = seen(*keys, pool=a_pool(spec=a_spec(suspend=True)))
    assert decide(creation.slots_get_keys, o).problems


@pytest.mark.parametrize(
    "facts",
    [
        {"pool": a_pool(spec=a_spec(suspend=True))},
        {"provider": None},
        {"provider_problem": DOWN},
        {"secret_problem": FOREIGN},
        {"contested": FOREIGN},
        {"wait_until": {"create": NOW + SECOND}},
        {"wait_until": {"publish": NOW + SECOND}},
        {"ledger": a_ledger(rejected_in_a_row=3)},
    ],
    ids=["suspended", "no provider", "provider down", "foreign", "contested", "create", "publish", "rejected"],
)
def test_no_key_is_made_while(facts: Any) -> None:
    assert slots(seen(**facts)) == []


def test_a_pause_that_is_over_wakes_nobody() -> None:
    o = seen(pool=a_pool(spec=a_spec(suspend=True)), wait_until={"create": NOW - SECOND, "publish": NOW - SECOND})
    assert decide(creation.slots_get_keys, o).wake_at is None


@pytest.mark.parametrize("action", [RevokeKey("k"), PublishSecrets(())])
def test_creating_and_retiring_never_share_a_plan(action: Any) -> None:
    assert slots(seen(), action) == []


def test_a_rotation_waits_until_it_is_due() -> None:
    o = seen(a_key(0), a_key(1, created_at=NOW - 23 * HOUR))
    decision = decide(creation.slots_get_keys, o)
    assert (decision.actions, decision.wake_at) == ((), NOW + HOUR)


def test_only_max_surge_slots_rotate_at_once() -> None:
    keys = [a_key(slot, **DUE) for slot in range(3)]
    assert slots(seen(*keys, pool=a_pool(spec=a_spec(size=3)))) == [0]
    assert slots(seen(*keys, pool=a_pool(spec=a_spec(size=3, rotation={"maxSurge": 2})))) == [0, 1]
    on_the_way = a_key(0, CREATED)
    assert slots(seen(*keys, on_the_way, pool=a_pool(spec=a_spec(size=3)))) == []


def test_a_slot_with_a_draining_key_starts_no_ordinary_rotation() -> None:
    assert slots(seen(a_key(0, **DUE), a_key(0, DRAINING), a_key(1))) == []


def test_an_expiring_key_is_replaced_although_another_drains() -> None:
    assert slots(seen(a_key(0, expires_at=NOW + 30 * MINUTE), a_key(0, DRAINING), a_key(1))) == [0]


def test_urgent_replacements_are_not_limited_by_max_surge() -> None:
    assert slots(seen(a_key(0, WITHDRAWN), a_key(1, asked="compromised"))) == [0, 1]


def test_a_key_that_was_rejected_while_the_brake_held_is_asked_about_before_it_is_replaced() -> None:
    keys = (a_key(0, WITHDRAWN), a_key(1))
    assert slots(seen(*keys, checks=rejected("withdrawn-0", times=0))) == []
    assert slots(seen(*keys, checks=rejected("withdrawn-0", times=1))) == [0]


def test_the_bound_on_live_keys_lets_no_more_be_made() -> None:
    drained = [a_key(1, DRAINING, name=f"d{index}") for index in range(4)]
    assert slots(seen(*drained, a_key(0, **DUE))) == []
    assert slots(seen(*drained[:3], a_key(0, **DUE), a_key(1))) == []
    assert slots(seen(*drained[:2], a_key(0, **DUE), a_key(1))) == [0]


def test_held_and_compromised_keys_widen_the_bound() -> None:
    full = [a_key(1, DRAINING, name=f"d{index}") for index in range(3)] + [a_key(1)]
    assert slots(seen(*full, a_key(0, asked="compromised"))) == [0]
    assert slots(seen(*full, a_key(0, HELD), answered=NOW)) == [0]


def test_owed_keys_count_as_live_and_free_their_slot() -> None:
    owed = [a_key(0, OWED, name=f"o{index}") for index in range(3)]
    assert slots(seen(*owed, a_key(1))) == [0]
    assert slots(seen(*owed, a_key(0, OWED, name="o3"), a_key(1))) == []


@pytest.mark.parametrize("state", [KeyState.REVOKING, KeyState.OWED])
def test_a_disabled_key_that_cannot_be_revoked_takes_no_room(state: KeyState) -> None:
    """As one in an account that was given up: it is not live, and the others have to be replaced."""
    full = [a_key(1, DRAINING, name=f"d{index}") for index in range(3)] + [a_key(1)]
    assert slots(seen(*full, a_key(0, state))) == []
    assert slots(seen(*full, a_key(0, state, disabled_at=NOW - HOUR))) == [0]


def test_a_pool_without_any_key_gets_one_although_the_bound_is_reached() -> None:
    leaving = [a_key(slot, DRAINING) for slot in range(1, 6)]
    assert slots(seen(a_key(0, WITHDRAWN), *leaving, pool=a_pool(spec=a_spec(size=1)))) == [0]
    on_the_way = a_key(0, CREATED)
    assert slots(seen(a_key(0, WITHDRAWN), on_the_way, *leaving, pool=a_pool(spec=a_spec(size=1)))) == []


def test_the_finalizer_comes_before_the_first_create_call() -> None:
    bare = seen(pool=a_pool(has_finalizer=False))
    assert decide(creation.the_finalizer_comes_first, bare, CreateKey("k")).actions == (AddFinalizer(),)
    assert decide(creation.the_finalizer_comes_first, bare).actions == ()
    assert decide(creation.the_finalizer_comes_first, seen(), CreateKey("k")).actions == ()


def test_a_provider_object_that_was_made_anew_is_named_as_the_reason_and_rotates_max_surge_at_a_time() -> None:
    old = {"provider": "before", "template": "before"}
    o = seen(a_key(0, **old), a_key(1, **old))
    (made,) = decide(creation.slots_get_keys, o).ledger.inside(INTENDED)
    assert made.why == "provider object made anew"
    edited = seen(a_key(0, **old), a_key(1, **old), pool=a_pool(generation=2))
    (made,) = decide(creation.slots_get_keys, edited).ledger.inside(INTENDED)
    assert made.why == "spec changed", "the pool names another provider by now"
