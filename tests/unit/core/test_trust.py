"""While the time is uncertain nothing is revoked, withdrawn or forgotten because of it; everything else goes on."""

from datetime import timedelta
from typing import Any

import pytest

from keypool.core import trust
from keypool.core.actions import CreateKey, LookUp
from keypool.core.lifecycle import KeyState
from keypool.core.rules import health, intents, publication, retirement
from tests.unit.core.builders import (
    HOUR,
    MINUTE,
    NAMELESS,
    NOW,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    concluded,
    decide,
    planned,
    rejected,
    seen,
    states,
)

ACTIVE, CREATED, DRAINING = KeyState.ACTIVE, KeyState.CREATED, KeyState.DRAINING
FUTURE = {"created_at": NOW + 2 * MINUTE}
RULES: Any = [
    (retirement.unneeded_keys_are_revoked, a_key(1, DRAINING, name="it", unpublished_at=NOW - HOUR)),
    (health.failed_keys_are_withdrawn, a_key(1, ACTIVE, name="it", expires_at=NOW)),
    (intents.ended_holds_are_forgotten, a_key(1, KeyState.HELD, name="it", expires_at=NOW)),
    (intents.ended_holds_are_forgotten, a_key(1, KeyState.UNRESOLVED, name="it", expires_at=NOW)),
    (intents.ended_holds_are_forgotten, a_key(1, KeyState.OWED, name="it", expires_at=NOW, handle=None, value=None)),
    (publication.unwanted_new_keys_are_revoked, a_key(1, CREATED, name="it", expires_at=NOW)),
]


@pytest.mark.row("DRAINING", "UNNEEDED")
@pytest.mark.row("ACTIVE", "FAILED")
@pytest.mark.row("HELD", "HOLD_ENDED")
@pytest.mark.row("UNRESOLVED", "HOLD_ENDED")
@pytest.mark.row("OWED", "HOLD_ENDED")
@pytest.mark.row("CREATED", "UNWANTED")
@pytest.mark.parametrize(("rule", "key"), RULES)
def test_what_is_over_by_a_clock_that_disagrees_with_others_is_not_over(rule: Any, key: Any) -> None:
    trusted, uncertain = (seen(a_key(0), key, clocks_agree=agree) for agree in (True, False))
    assert states(decide(rule, trusted).ledger).get("it") != key.state.value, "the test is about something"
    decision = decide(rule, uncertain)
    assert states(decision.ledger or uncertain.ledger)["it"] == key.state.value


@pytest.mark.parametrize(("rule", "key"), RULES)
def test_a_ledger_with_a_time_in_the_future_ends_nothing(rule: Any, key: Any) -> None:
    o = seen(a_key(0, **FUTURE), key)
    assert states(decide(rule, o).ledger or o.ledger)["it"] == key.state.value


@pytest.mark.parametrize("rule_and_key", RULES[:3])
def test_what_waits_for_the_clock_is_looked_at_again_soon(rule_and_key: Any) -> None:
    rule, key = rule_and_key
    assert decide(rule, seen(a_key(0), key, clocks_agree=False)).wake_at == NOW + trust.LOOK_AGAIN


@pytest.mark.parametrize("time", ["intended_at", "created_at", "published_at", "unpublished_at"])
def test_times_up_to_a_minute_ahead_are_believed_and_later_ones_not(time: str) -> None:
    for ahead, trusted in ((60 * SECOND, True), (61 * SECOND, False)):
        o = seen(a_key(0), a_key(1, DRAINING, **{time: NOW + ahead}))
        assert trust.time_is_trusted(o, NOW) is trusted


def test_expiries_may_lie_in_the_future() -> None:
    assert trust.time_is_trusted(seen(a_key(0, expires_at=NOW + timedelta(days=900))), NOW)


def test_a_compromised_key_goes_whatever_the_time() -> None:
    later = NOW + 10 * MINUTE
    key = a_key(0, DRAINING, asked="compromised", unpublished_at=later)
    decision = decide(retirement.unneeded_keys_are_revoked, seen(a_key(0), key, clocks_agree=False))
    assert states(decision.ledger)["draining-0"] == "revoking"


def test_rejections_withdraw_a_key_whatever_the_time() -> None:
    o = seen(a_key(0), checks=rejected("active-0"), clocks_agree=False)
    assert states(decide(health.failed_keys_are_withdrawn, o).ledger) == {"active-0": "withdrawn"}


def test_a_slot_without_a_key_gets_one_whatever_the_time() -> None:
    o = seen(a_key(0), clocks_agree=False)
    assert [type(action) for action in planned(o).actions if isinstance(action, CreateKey)] == [CreateKey]


def test_a_lost_key_of_an_earlier_leadership_is_looked_for_a_whole_deadline_after_this_one_began() -> None:
    """Its intent's time may come from a clock that was behind: the call may have been made a moment ago."""
    lost = a_key(1, KeyState.UNRESOLVED, name="lost", intended_at=NOW - HOUR, epoch="epoch-1")
    begun: Any = {"clocks_agree": False, "started_at": NOW}
    decision = decide(intents.lost_keys_are_looked_for, seen(a_key(0), lost, **begun))
    assert not decision.actions
    decision = decide(intents.lost_keys_are_looked_for, seen(a_key(0), lost, **begun), now=decision.wake_at)
    assert decision.actions == (LookUp(("lost",)),)


def test_a_new_key_of_an_earlier_leadership_gets_its_activation_lag_anew() -> None:
    new = a_key(1, CREATED, name="new", epoch="epoch-1")
    o = seen(a_key(0), new, checks=rejected("new", times=1), clocks_agree=False, started_at=NOW - SECOND)
    assert states(decide(publication.rejected_new_keys_are_revoked, o).ledger)["new"] == "created"


def test_the_pool_tells_what_waits_for_the_clock_and_stays_ready() -> None:
    waiting = a_key(0, DRAINING, unpublished_at=NOW - HOUR)
    for key, agree, says in ((a_key(0), False, "disagree"), (a_key(0, **FUTURE), True, "active-0")):
        o = seen(key, waiting, clocks_agree=agree, pool=a_pool(spec=a_spec(size=1)))
        found = {condition.type: condition for condition in concluded(o).conditions}
        assert (found["Revoked"].status, found["Revoked"].reason) == ("False", "ClockUncertain")
        assert says in found["Revoked"].message
        assert found["Ready"].status == "True"


def test_a_pool_in_which_nothing_waits_says_nothing_of_the_clock() -> None:
    """So that thousands of pools are not written when a clock steps."""
    o = seen(a_key(0), a_key(0, DRAINING, unpublished_at=NOW - MINUTE))
    uncertain = seen(a_key(0), a_key(0, DRAINING, unpublished_at=NOW - MINUTE), clocks_agree=False)
    assert concluded(o) == concluded(uncertain)


def test_a_published_key_past_its_expiry_serves_on_while_the_time_is_uncertain() -> None:
    ledger = a_ledger(a_key(0, expires_at=NOW))
    o = seen(ledger=ledger, clocks_agree=False, provider=NAMELESS, pool=a_pool(spec=a_spec(size=1)))
    ready = next(condition for condition in concluded(o).conditions if condition.type == "Ready")
    assert ready.status == "True"
