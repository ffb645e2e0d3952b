"""Conditions and status: told once, true, short, and the same for the same facts."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.advice import ADVICE
from keypool.core.conditions import findings
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.reasons import MEANING, Condition, Reason, Trouble
from keypool.core.sight import MESSAGE_LIMIT
from tests.unit.core.builders import (
    DAY,
    DOWN,
    FOREIGN,
    HOUR,
    MINUTE,
    NOW,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    rejected,
    seen,
    written,
)

ACTIVE, CREATED, DRAINING, WITHDRAWN = KeyState.ACTIVE, KeyState.CREATED, KeyState.DRAINING, KeyState.WITHDRAWN
SERVED, KNOWN = (a_key(0), a_key(1)), accepted("active-0", "active-1")


def told(o: Any, *problems: Any, before: Any = (), now: Any = NOW) -> Any:
    """The conditions as `Type: (status, reason, observedGeneration)`."""
    found = concluded(o, *problems, before=before, now=now).conditions
    return {each.type: (each.status, each.reason, each.observed_generation) for each in found}


def test_a_pool_at_rest_is_ready_published_healthy_and_revoked() -> None:
    assert {kind: status for kind, (status, _, _) in told(seen(*SERVED, checks=KNOWN)).items()} == {
        "Ready": "True",
        "Published": "True",
        "Healthy": "True",
        "Revoked": "True",
    }


def test_a_new_pool_is_reconciling_and_not_ready() -> None:
    found = told(seen())
    assert found["Ready"] == ("False", "CreatingKeys", 1)
    assert found["Reconciling"] == ("True", "CreatingKeys", 1)
    assert found["Published"][0] == "Unknown"


def test_a_pool_is_not_ready_before_every_slot_was_published_once() -> None:
    assert told(seen(ledger=a_ledger(a_key(0), satisfied_generation=None)))["Ready"][0] == "False"


def test_ready_stays_true_through_a_rotation_at_every_step() -> None:
    new, old = a_key(0, name="new", published_at=None), a_key(0, DRAINING, unpublished_at=None)
    steps = (
        [a_key(0), a_key(0, KeyState.INTENDED)],
        [a_key(0), a_key(0, CREATED)],
        [old, new],
        [old, new.model_copy(update={"published_at": NOW})],
        [a_key(0, KeyState.REVOKING), new.model_copy(update={"published_at": NOW})],
    )
    for keys in steps:
        o = seen(ledger=a_ledger(*keys, satisfied_generation=1), pool=a_pool(spec=a_spec(size=1)))
        found = told(o)
        assert found["Ready"][0] == "True", keys
        assert "Reconciling" not in found, keys


def test_ready_is_false_when_no_published_key_is_accepted() -> None:
    o = seen(ledger=a_ledger(a_key(0, WITHDRAWN, published_at=NOW), satisfied_generation=1))
    assert told(o)["Ready"][:2] == ("False", "NoLiveKey")


def test_a_rejected_key_that_drains_does_not_make_a_pool_ready() -> None:
    keys = (a_key(0, DRAINING, unpublished_at=None), a_key(0, published_at=None))
    before = written(a_ledger(a_key(0, name="draining-0")), a_spec())
    o = seen(ledger=a_ledger(*keys, satisfied_generation=1), checks=rejected("draining-0"), secrets=before)
    assert told(o)["Ready"][0] == "False"


def test_ready_speaks_of_the_generation_satisfied_last() -> None:
    found = told(seen(*SERVED, pool=a_pool(generation=4, spec=a_spec(size=3))))
    assert found["Ready"] == ("True", "KeysPublished", 1)
    assert found["Reconciling"] == ("True", "Updating", 4)
    assert concluded(seen(pool=a_pool(generation=4))).observed_generation == 4


def stalled(*problems: Problem, **troubles: str) -> str:
    """What the condition Stalled says."""
    known = {name: Trouble(Reason.KEY_REFUSED, text, needs_person=True) for name, text in troubles.items()}
    found = findings(seen(troubles=known), problems, NOW)
    return next(message for kind, _, _, message in found if kind is Condition.STALLED)


THEIRS, NO_PROVIDER = Problem(Reason.SECRET_FOREIGN, "not ours"), Problem(Reason.PROVIDER_NOT_FOUND, "no provider")


def test_all_that_needs_a_person_is_told_at_once() -> None:
    told = stalled(THEIRS, NO_PROVIDER, create="no such scope")
    assert told == "not ours; and 2 more: ProviderNotFound: no provider; KeyRefused: no such scope"


def test_what_needs_a_person_is_told_in_the_same_order_whatever_failed_last() -> None:
    assert stalled(create="scope", publish="type") == stalled(publish="type", create="scope")


def test_what_needs_a_person_for_several_keys_is_told_once() -> None:
    assert stalled(one="no such scope", two="no such scope") == "no such scope"
    assert stalled(a="scope", b="type", c="scope") == "scope; and 1 more: KeyRefused: type"


def test_many_things_that_need_a_person_are_counted_in_a_message_of_bounded_length() -> None:
    many = [Problem(Reason.SECRET_FOREIGN, f"{number} " + "x" * 400) for number in range(9)]
    told = stalled(NO_PROVIDER, *many)
    assert told.startswith("no provider; and 9 more: ")
    assert len(told) <= MESSAGE_LIMIT


def test_what_needs_a_person_stalls_and_is_not_reconciling() -> None:
    for o in (
        seen(troubles={"create": Trouble(Reason.KEY_REFUSED, "no such scope", needs_person=True)}),
        replace(seen(), provider_problem=Problem(Reason.PROVIDER_NOT_FOUND, "there is none")),
    ):
        found = told(o, *([o.provider_problem] if o.provider_problem else []))
        assert found["Stalled"][0] == "True"
        assert "Reconciling" not in found


def test_what_passes_by_itself_does_not_stall() -> None:
    o = seen(provider_problem=DOWN)
    assert "Stalled" not in told(o, DOWN)


def test_a_pool_that_is_suspended_before_it_had_a_key_is_neither_ready_nor_on_its_way() -> None:
    found = told(seen(pool=a_pool(spec=a_spec(suspend=True))))
    assert found["Published"][:2] == ("Unknown", "Suspended")
    assert not {"Ready", "Reconciling", "Stalled"} & found.keys()


def test_a_secret_that_cannot_be_written_is_not_published() -> None:
    assert told(seen(*SERVED, secret_problem=FOREIGN), FOREIGN)["Published"][:2] == ("False", "SecretForeign")


def test_an_empty_slot_is_unhealthy_although_a_removed_slot_has_a_key() -> None:
    assert told(seen(a_key(0), a_key(5)))["Healthy"][:2] == ("False", "SlotEmpty")


def test_a_lost_answer_an_owed_and_a_stuck_revocation_are_told() -> None:
    stuck = {"revoke:revoking-0": Trouble(Reason.PROVIDER_UNAVAILABLE, "down", needs_person=False)}
    assert told(seen(*SERVED, a_key(0, KeyState.HELD)))["Revoked"][1] == "AnswerLost"
    assert told(seen(*SERVED, a_key(0, KeyState.OWED)))["Revoked"][1] == "RevocationRefused"
    assert told(seen(*SERVED, a_key(0, KeyState.REVOKING), troubles=stuck))["Revoked"][1] == "RevocationPending"


def test_equal_facts_give_an_equal_status_until_something_is_due() -> None:
    o = seen(*SERVED, a_key(0, DRAINING))
    first = concluded(o)
    assert concluded(o, before=first.conditions, now=NOW + 8 * MINUTE) == first


def test_a_transition_time_moves_only_with_the_status() -> None:
    first = concluded(seen(*SERVED)).conditions
    changed = concluded(seen(a_key(0), a_key(1, WITHDRAWN)), before=first, now=NOW + HOUR).conditions
    moved = {each.type: each.last_transition_time == NOW + HOUR for each in changed}
    assert moved == {"Ready": False, "Published": False, "Healthy": True, "Revoked": False}


ACTIONS = {
    "rotate slot 1 at 2026-11-25 07:30Z": seen(
        a_key(0, created_at=NOW), a_key(1, created_at=NOW - 90 * MINUTE), a_key(2, created_at=NOW)
    ),
    "revoke old key 0 at 2026-11-24 09:09Z": seen(*SERVED, a_key(0, DRAINING)),
    "create and publish keys": seen(),
    "suspended": seen(*SERVED, pool=a_pool(spec=a_spec(suspend=True))),
    "revoke, then go: 2 left": seen(*SERVED, pool=a_pool(deleted_at=NOW)),
}


@pytest.mark.parametrize(("text", "o"), ACTIONS.items(), ids=ACTIONS.keys())
def test_the_next_action_is_told_in_words(text: Any, o: Any) -> None:
    assert concluded(o).next_action == text


@pytest.mark.parametrize("reason", Reason)
def test_the_next_action_fits_forty_characters_whatever_a_person_must_do(reason: Any) -> None:
    assert len(concluded(seen(), Problem(reason, "x")).next_action) <= 40


@pytest.mark.parametrize("keys", [(a_key(99),), (a_key(99), a_key(99, DRAINING))])
def test_the_next_action_fits_forty_characters_for_the_highest_slot(keys: Any) -> None:
    o = seen(ledger=a_ledger(*keys, satisfied_generation=1), pool=a_pool(spec=a_spec(size=100)))
    assert "99" in concluded(o).next_action
    assert len(concluded(o).next_action) <= 40


def test_messages_are_bounded() -> None:
    long = Problem(Reason.SPEC_INVALID, "x" * 2000)
    assert max(len(each.message) for each in concluded(seen(), long).conditions) <= 512


def test_the_status_never_holds_a_value() -> None:
    text = str(concluded(seen(*SERVED, a_key(0, KeyState.CREATED))).dump())
    assert "sk-" not in text
    assert a_key(0).print in text


def test_the_next_rotation_says_why() -> None:
    soon = concluded(seen(a_key(0, expires_at=NOW + 2 * HOUR), a_key(1))).next_rotation
    assert (soon.at, soon.slot, soon.why) == (NOW + HOUR, 0, "1h before expiry")
    assert concluded(seen(a_key(0), a_key(1, created_at=NOW))).next_rotation.why == "every 24h"
    assert concluded(seen(a_key(0), pool=a_pool(deleted_at=NOW - DAY))).next_rotation is None


def test_every_condition_has_a_meaning_and_every_reason_an_advice() -> None:
    assert set(MEANING) == set(Condition)
    assert set(ADVICE) == set(Reason)
