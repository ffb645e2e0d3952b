"""Health: keys leave the Secret when they are definitely dead, come back when good, and are probed in turn."""

from typing import Any

import pytest

from keypool.core.actions import FindGone, ProbeKey
from keypool.core.brake import Grip
from keypool.core.lifecycle import KeyState
from keypool.core.rules import health
from tests.unit.core.builders import (
    DAY,
    DOWN,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    a_key,
    a_pool,
    a_spec,
    accepted,
    decide,
    only,
    rejected,
    seen,
    states,
)

ACTIVE, CREATED, DRAINING, WITHDRAWN = KeyState.ACTIVE, KeyState.CREATED, KeyState.DRAINING, KeyState.WITHDRAWN


def probed(o: Any) -> Any:
    return [action.name for action in only(ProbeKey, decide(health.keys_are_probed, o).actions)]


@pytest.mark.row("ACTIVE", "FAILED")
def test_a_key_is_withdrawn_at_the_threshold_of_rejections() -> None:
    o = seen(a_key(0), a_key(1), checks={**rejected("active-0", times=3), **rejected("active-1", times=2)})
    after = decide(health.failed_keys_are_withdrawn, o).ledger
    assert states(after) == {"active-0": "withdrawn", "active-1": "active"}
    assert after.key("active-0").published_at is None


@pytest.mark.row("ACTIVE", "FAILED")
def test_an_expired_key_is_withdrawn() -> None:
    o = seen(a_key(0, expires_at=NOW), a_key(1, expires_at=NOW + SECOND))
    decision = decide(health.failed_keys_are_withdrawn, o)
    assert states(decision.ledger) == {"active-0": "withdrawn", "active-1": "active"}
    assert decision.wake_at == NOW + SECOND, "nobody else wakes a pool whose provider is down"


@pytest.mark.row("WITHDRAWN", "RECOVERED")
def test_a_withdrawn_key_returns_after_a_good_probe() -> None:
    o = seen(a_key(0, WITHDRAWN, unpublished_at=NOW - HOUR), checks=accepted("withdrawn-0"))
    after = decide(health.good_keys_come_back, o).ledger
    assert states(after) == {"withdrawn-0": "active"}
    assert after.keys[0].unpublished_at is None


def test_a_key_that_was_asked_to_be_rotated_still_returns_until_it_is() -> None:
    o = seen(a_key(0, WITHDRAWN, asked="requested"), checks=accepted("withdrawn-0"))
    assert states(decide(health.good_keys_come_back, o).ledger) == {"withdrawn-0": "active"}


@pytest.mark.parametrize("facts", [{"asked": "compromised"}, {"expires_at": NOW}, {"slot": 2}])
def test_a_compromised_expired_or_slotless_key_never_returns(facts: Any) -> None:
    o = seen(a_key(**{"slot": 0, "state": WITHDRAWN, "name": "k", **facts}), checks=accepted("k"))
    assert states(decide(health.good_keys_come_back, o).ledger) == {"k": "withdrawn"}


def test_an_old_good_probe_brings_nothing_back() -> None:
    o = seen(a_key(0, WITHDRAWN), checks=accepted("withdrawn-0", at=NOW - 6 * MINUTE))
    assert states(decide(health.good_keys_come_back, o).ledger) == {"withdrawn-0": "withdrawn"}


@pytest.mark.row("DRAINING", "RESCUED")
def test_a_draining_key_is_rescued_when_its_successor_is_withdrawn() -> None:
    o = seen(a_key(0, DRAINING), a_key(0, WITHDRAWN), checks=accepted("draining-0"))
    assert states(decide(health.good_keys_come_back, o).ledger) == {"draining-0": "active", "withdrawn-0": "withdrawn"}


def test_a_key_is_not_rescued_by_a_probe_that_was_made_before_it_was_disabled() -> None:
    o = seen(a_key(0, DRAINING, enabling=True), a_key(0, WITHDRAWN), checks=accepted("draining-0"))
    assert states(decide(health.good_keys_come_back, o).ledger)["draining-0"] == "draining"


def test_only_one_key_returns_to_a_slot() -> None:
    keys = (a_key(0, DRAINING, name="a"), a_key(0, DRAINING, name="b"), a_key(0, WITHDRAWN, name="c"))
    o = seen(*keys, checks=accepted("a", "b", "c"))
    assert sorted(states(decide(health.good_keys_come_back, o).ledger).values()) == ["active", "draining", "withdrawn"]


def test_a_new_key_is_probed_at_once_and_until_it_is_proven() -> None:
    assert probed(seen(a_key(0, CREATED))) == ["created-0"]
    assert probed(seen(a_key(0, CREATED), checks=accepted("created-0"))) == []


def test_a_new_key_that_stays_rejected_while_the_brake_holds_is_asked_about_in_turn_and_not_in_a_loop() -> None:
    """Past its activation lag, and before the brake lets it be revoked."""
    o = seen(a_key(0, CREATED), checks=rejected("created-0", at=NOW), grip=Grip.ENGAGED)
    assert probed(o) == []
    assert decide(health.keys_are_probed, o).wake_at == NOW + 30 * SECOND
    later = seen(a_key(0, CREATED), checks=rejected("created-0", at=NOW - 30 * SECOND), grip=Grip.ENGAGED)
    assert probed(later) == ["created-0"]


def test_a_published_key_is_probed_at_its_interval() -> None:
    keys = (a_key(0), a_key(1))
    checks = {**accepted("active-0", at=NOW - 5 * MINUTE), **accepted("active-1", at=NOW - 4 * MINUTE)}
    o = seen(*keys, checks=checks)
    assert probed(o) == ["active-0"]
    assert decide(health.keys_are_probed, o).wake_at == NOW + MINUTE


def test_a_rejected_key_is_probed_again_sooner() -> None:
    assert probed(seen(a_key(0), checks=rejected("active-0", times=1, at=NOW - 31 * SECOND))) == ["active-0"]


def test_probes_are_spread_over_the_interval_after_a_start() -> None:
    keys = [a_key(slot, name=f"key-{slot}") for slot in range(20)]
    o = seen(*keys, pool=a_pool(spec=a_spec(size=20)), started_at=NOW - 150 * SECOND)
    assert 5 <= len(probed(o)) <= 15


def test_a_draining_key_is_probed_only_when_its_successor_fails() -> None:
    checks = {**accepted("active-1"), **rejected("withdrawn-0")}
    o = seen(a_key(0, DRAINING), a_key(0, WITHDRAWN), a_key(1), a_key(1, DRAINING), checks=checks)
    assert probed(o) == ["draining-0"]


def test_a_probe_waits_for_its_pause() -> None:
    assert probed(seen(a_key(0, CREATED), wait_until={"probe:created-0": NOW + SECOND})) == []
    assert probed(seen(a_key(0, CREATED), wait_until={"probe:created-0": NOW - SECOND})) == ["created-0"]


def test_nothing_is_probed_while_the_provider_is_down_or_was_replaced() -> None:
    assert probed(seen(a_key(0, CREATED), provider_problem=DOWN)) == []
    assert probed(seen(a_key(0, CREATED, provider="another"))) == []
    assert decide(health.keys_are_probed, seen(a_key(0, expires_at=NOW + DAY), provider=None)).wake_at is None


OUT = {"unpublished_at": NOW - MINUTE}


@pytest.mark.parametrize("state", [KeyState.WITHDRAWN, KeyState.DRAINING])
def test_a_rejected_key_that_is_out_of_the_secret_is_looked_for(state: Any) -> None:
    o = seen(a_key(0), a_key(1, state, name="bad", **OUT), checks=rejected("bad"))
    assert decide(health.gone_keys_are_looked_for, o).actions == (FindGone(("bad",)),)


def test_a_key_that_still_stands_in_the_secret_is_not_forgotten() -> None:
    o = seen(a_key(0, KeyState.WITHDRAWN, name="last"), checks=rejected("last"))
    assert not decide(health.gone_keys_are_looked_for, o).actions


def test_a_key_that_was_not_rejected_lately_is_not_looked_for() -> None:
    o = seen(a_key(0), a_key(1, KeyState.DRAINING, name="old", **OUT), checks=accepted("old"))
    assert not decide(health.gone_keys_are_looked_for, o).actions


def test_gone_keys_are_looked_for_with_pauses() -> None:
    key = a_key(1, KeyState.WITHDRAWN, name="bad", **OUT)
    o = seen(a_key(0), key, checks=rejected("bad"), wait_until={"gone": NOW + SECOND})
    decision = decide(health.gone_keys_are_looked_for, o)
    assert not decision.actions
    assert decision.wake_at == NOW + SECOND
