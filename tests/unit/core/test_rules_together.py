"""What parts that know little of each other do together."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.actions import PublishSecrets, RepeatCreate, RevokeKey
from keypool.core.capabilities import Capabilities
from keypool.core.ledger import Spending
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Limits
from keypool.core.reasons import Reason, Trouble
from keypool.core.rules import creation
from keypool.core.spending import total
from keypool.reconcile.changing import _with_limits
from tests.unit.core.builders import (
    ABLE,
    CHOOSING,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    decide,
    only,
    planned,
    seen,
    states,
    written,
)
from tests.unit.core.people import STATIC, held, made, spec
from tests.unit.core.test_rules_spending import MIDNIGHT, TELLS, intended, limited, read, rotating

UNRESOLVED = KeyState.UNRESOLVED
WAITS = Trouble(Reason.WAITS_FOR_BUDGET, "waits", needs_person=False)


# -- lost create calls and the request budget


def delayed(capabilities: Capabilities) -> Any:
    """A lost create call whose repetition has waited long for the account's request budget."""
    lost = a_key(0, UNRESOLVED, value=SecretStr("sk-chosen"))
    provider = replace(CHOOSING, capabilities=capabilities)
    pauses: Any = {"troubles": {f"repeat:{lost.name}": WAITS}, "wait_until": {f"repeat:{lost.name}": NOW + MINUTE}}
    return seen(lost, provider=provider, **pauses)


def test_a_repetition_that_waits_for_the_budget_is_not_planned_again_until_its_turn_comes() -> None:
    o = delayed(CHOOSING.capabilities)
    decided = planned(o)
    assert not only(RepeatCreate, decided.actions)
    assert decided.wake_at is not None
    assert only(RepeatCreate, planned(o, NOW + MINUTE).actions)


def test_waiting_for_the_budget_is_no_refusal_so_the_key_is_not_given_up() -> None:
    nameless = replace(CHOOSING.capabilities, lists_names=False)
    assert states(planned(delayed(nameless)).ledger)["unresolved-0"] == "unresolved"


def test_a_lost_create_call_is_not_repeated_for_a_spec_that_asks_for_what_the_provider_cannot_do() -> None:
    lost = a_key(0, UNRESOLVED, value=SecretStr("sk-chosen"))
    o = seen(lost, provider=CHOOSING, pool=a_pool(spec=a_spec(key={"models": ["small"]})))
    assert not only(RepeatCreate, planned(o).actions)


# -- spending


@pytest.mark.parametrize("state", [KeyState.REVOKING, KeyState.OWED, KeyState.CREATED])
def test_a_period_turns_although_a_key_that_nobody_reads_any_more_is_not_known(state: Any) -> None:
    keys = (a_key(0, name="a"), a_key(0, state, name="b"))
    ledger = a_ledger(*keys, spending=Spending(period=MIDNIGHT - DAY, departed={0: Decimal(7)}))
    o = seen(ledger=ledger, pool=limited(), provider=TELLS, readings=read(a=5))
    assert planned(o).ledger.spending.period == MIDNIGHT


def test_after_a_restart_a_rotation_waits_until_it_is_known_what_the_slot_has_left() -> None:
    unread = rotating(readings={}, started_at=NOW - MINUTE)
    assert planned(unread).wake_at is not None
    assert not planned(unread).ledger.inside(KeyState.INTENDED)
    assert intended(replace(unread, readings=read(a=6))).carried == 6


def test_totals_do_not_go_back_when_a_person_gives_a_key_up() -> None:
    ledger = a_ledger(a_key(0, name="a"), a_key(0, KeyState.OWED, name="b"))
    o = seen(ledger=ledger, pool=a_pool(abandon="b"), provider=TELLS, readings=read(a=5, b=7), abandon="b")
    after = planned(o).ledger
    assert after.key("b") is None
    assert total(after, o.usage) == total(ledger, o.usage)


def test_totals_are_silent_after_a_start_until_withdrawn_keys_are_read_too() -> None:
    ledger = a_ledger(a_key(0, name="a"), a_key(1, KeyState.WITHDRAWN, name="b", unpublished_at=NOW))
    assert total(ledger, seen(readings=read(a=5)).usage) is None


@pytest.mark.parametrize("known", [{}, {"a": 1}])
def test_what_was_told_of_spending_stands_after_a_start_until_all_keys_are_read(known: Any) -> None:
    pool = a_pool(spec=a_spec(key={"spendLimit": {"amount": "10", "period": "Daily"}}))
    ledger = a_ledger(a_key(0, name="a"), a_key(1, name="b"), spending=Spending(period=MIDNIGHT))
    o = seen(ledger=ledger, pool=pool, provider=TELLS, readings=read(a=1, b=9))
    before = concluded(o).conditions
    assert "SpendLimitNear" in {condition.reason for condition in before}
    assert concluded(replace(o, readings=read(**known)), before=before).conditions == before


# -- limits in place


def updated() -> Any:
    """After a key's limits were changed in place, and before its Secret was written again; a key still drains."""
    template = seen(provider=ABLE).template
    keys = (a_key(0, template=template), a_key(1, template=template), a_key(0, KeyState.DRAINING))
    ledger = a_ledger(*keys, satisfied_generation=1)
    asked = a_spec(key={"rateLimit": {"requestsPerMinute": 60}})
    after = _with_limits(ledger, keys[0], Limits(requests_per_minute=60))
    return seen(ledger=after, pool=a_pool(spec=asked), provider=ABLE, secrets=written(ledger, asked))


def test_a_change_in_place_is_no_sign_that_somebody_changed_the_secret() -> None:
    [publish] = only(PublishSecrets, planned(updated()).actions)
    assert not publish.repair


def test_a_change_in_place_does_not_make_old_keys_drain_anew() -> None:
    [old] = planned(updated()).ledger.inside(KeyState.DRAINING)
    assert old.unpublished_at == NOW - MINUTE


# -- keys that are disabled first


def test_a_key_that_cannot_be_proven_disabled_is_revoked_when_its_life_is_over() -> None:
    stuck = a_key(0, KeyState.DISABLED, disabled_at=None, expires_at=NOW - SECOND)
    decided = planned(seen(a_key(0), a_key(1), stuck, provider=ABLE))
    assert states(decided.ledger)[stuck.name] == "revoking"


# -- a provider object that was made anew as another kind


OLD = "provider-0"


@pytest.mark.parametrize(("state", "action"), [(KeyState.REVOKING, RevokeKey), (KeyState.DISABLED, RevokeKey)])
def test_keys_of_an_earlier_provider_are_revoked_although_people_make_the_keys_now(state: Any, action: Any) -> None:
    old = (
        a_key(0, state, provider=OLD, disabled_at=NOW - 2 * HOUR)
        if state is KeyState.DISABLED
        else a_key(0, state, provider=OLD)
    )
    o = seen(made("new"), old, provider=STATIC, pool=a_pool(spec=spec(1)), supply=held("new"), checks=accepted("new"))
    assert only(action, planned(o).actions) == [action(old.name)]


def test_a_good_value_takes_the_slot_of_an_earlier_providers_key() -> None:
    old, new = a_key(0, name="old", provider=OLD), made("new", KeyState.CREATED, slot=1)
    pool = a_pool(spec=spec(1))
    o = seen(old, new, provider=STATIC, pool=pool, supply=held("new"), checks=accepted("new"))
    assert states(planned(o).ledger) == {"old": "draining", "new": "active"}
    assert states(planned(replace(o, checks={})).ledger)["old"] == "active", "make before break"


def test_a_lost_answer_of_an_earlier_provider_is_held_although_people_make_the_keys_now() -> None:
    old = a_key(0, KeyState.INTENDED, name="old", provider=OLD, epoch="epoch-1")
    o = seen(made("new"), old, provider=STATIC, pool=a_pool(spec=spec(1)), supply=held("new"), checks=accepted("new"))
    assert states(planned(o).ledger)["old"] == "held"


def test_a_key_that_people_made_is_replaced_when_the_provider_makes_keys_itself() -> None:
    theirs = made("theirs", provider=OLD, created_at=NOW - HOUR)
    assert intended(seen(theirs, pool=a_pool(spec=a_spec(size=1)))).slot == 0


def test_a_key_that_people_made_can_be_acknowledged_when_the_provider_makes_keys_itself() -> None:
    theirs = made("theirs", KeyState.OWED, provider=OLD)
    pool = a_pool(revoked=theirs.print)
    assert states(planned(seen(a_key(0), a_key(1), theirs, pool=pool)).ledger).keys() == {"active-0", "active-1"}


# -- keys that are about to expire, whatever else they are due for


LATE: Any = {"created_at": NOW - 29 * DAY, "expires_at": NOW + 30 * MINUTE}
ONE = a_pool(spec=a_spec(size=1))


@pytest.mark.parametrize("facts", [{}, {"asked": "requested"}, {"template": "another"}])
def test_a_key_that_is_overdue_for_its_interval_is_renewed_in_time_although_an_old_key_still_retires(
    facts: Any,
) -> None:
    stuck = a_key(0, KeyState.DISABLED, disabled_at=None)
    o = seen(a_key(0, **LATE, **facts), stuck, pool=ONE, provider=ABLE, wait_until={f"disable:{stuck.name}": NOW + DAY})
    assert intended(o).why == "expiry"


def test_the_pool_wakes_for_the_expiry_of_a_key_whose_slot_starts_no_ordinary_rotation() -> None:
    stuck = a_key(0, KeyState.DISABLED, disabled_at=None)
    key = a_key(0, created_at=NOW - 29 * DAY, expires_at=NOW + 2 * HOUR)
    pauses = {f"disable:{stuck.name}": NOW + DAY}
    o = seen(key, stuck, pool=ONE, provider=ABLE, wait_until=pauses, checks=accepted(key.name))
    waiting = planned(o)
    assert not waiting.ledger.inside(KeyState.INTENDED)
    assert decide(creation.slots_get_keys, o).wake_at == NOW + HOUR


# -- what is granted goes first to what is urgent


def test_a_granted_create_call_goes_to_the_key_that_expires_rather_than_to_an_empty_slot() -> None:
    expiring = a_key(0, created_at=NOW - HOUR, expires_at=NOW + MINUTE)
    o = seen(expiring, provider=PROVIDER, checks=accepted(expiring.name), creates=1)
    assert intended(o).slot == 0
