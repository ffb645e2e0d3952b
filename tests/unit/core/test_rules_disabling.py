"""A key is disabled before it is revoked, where the provider can: for so long a person can have it back."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.actions import DisableKey, EnableKey
from keypool.core.lifecycle import KeyState
from keypool.core.rules import creation, disabling, requests, retirement
from tests.unit.core.builders import (
    ABLE,
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
    concluded,
    decide,
    seen,
    states,
)

ACTIVE, DRAINING, DISABLED, REVOKING = KeyState.ACTIVE, KeyState.DRAINING, KeyState.DISABLED, KeyState.REVOKING
OVER = {"unpublished_at": NOW - 10 * MINUTE}
AT_ONCE = a_pool(spec=a_spec(rotation={"quiet": "0s"}))


def retired(key: Any, **facts: Any) -> str:
    """What becomes of a draining key."""
    o = seen(a_key(0), key, **{"provider": ABLE, **facts})
    return states(decide(retirement.unneeded_keys_are_revoked, o).ledger)[key.name]


@pytest.mark.row("DRAINING", "DISUSED")
def test_a_key_is_disabled_after_its_overlap() -> None:
    assert retired(a_key(0, DRAINING, **OVER)) == "disabled"
    assert retired(a_key(0, DRAINING, unpublished_at=NOW - 9 * MINUTE)) == "draining"


@pytest.mark.row("DRAINING", "UNNEEDED")
def test_a_key_is_revoked_at_once_where_it_cannot_or_is_not_to_be_disabled_first() -> None:
    assert retired(a_key(0, DRAINING, **OVER), pool=AT_ONCE) == "revoking"
    assert retired(a_key(0, DRAINING, **OVER, provider="another")) == "revoking"
    assert retired(a_key(0, DRAINING, asked="compromised")) == "revoking"


@pytest.mark.row("DISABLED", "QUIET")
def test_a_disabled_key_is_revoked_after_the_quiet_period() -> None:
    o = seen(a_key(0), a_key(0, DISABLED, disabled_at=NOW - HOUR), a_key(1, DISABLED), provider=ABLE)
    decision = decide(disabling.quiet_keys_are_revoked, o)
    assert states(decision.ledger) == {"active-0": "active", "disabled-0": "revoking", "disabled-1": "disabled"}
    assert decision.wake_at == NOW + 59 * MINUTE


def test_the_quiet_period_is_counted_from_the_proof() -> None:
    o = seen(a_key(0), a_key(0, DISABLED, disabled_at=None, unpublished_at=NOW - DAY), provider=ABLE)
    assert states(decide(disabling.quiet_keys_are_revoked, o).ledger)["disabled-0"] == "disabled"
    assert decide(disabling.switches_are_carried_out, o).actions == (DisableKey("disabled-0"),)


@pytest.mark.parametrize(
    "facts",
    [{"pool": a_pool(spec=a_spec(suspend=True))}, {"clocks_agree": False}],
    ids=["suspended", "the time is uncertain"],
)
def test_a_quiet_period_does_not_end_while(facts: Any) -> None:
    o = seen(a_key(0), a_key(0, DISABLED, disabled_at=NOW - DAY), provider=ABLE, **facts)
    decision = decide(disabling.quiet_keys_are_revoked, o)
    assert decision.ledger is None or states(decision.ledger)["disabled-0"] == "disabled"


def test_a_disabled_key_that_waits_for_the_clock_is_told() -> None:
    o = seen(a_key(0), a_key(1), a_key(0, DISABLED, disabled_at=NOW - DAY), provider=ABLE, clocks_agree=False)
    assert [each.reason for each in concluded(o).conditions if each.type == "Revoked"] == ["ClockUncertain"]


def test_a_compromised_key_is_not_given_a_quiet_period() -> None:
    o = seen(a_key(0), a_key(0, DISABLED), provider=ABLE, pool=a_pool(compromised="disabled-0"))
    marked = decide(requests.compromised_keys_are_marked, o).ledger
    after = decide(disabling.quiet_keys_are_revoked, seen(ledger=marked, provider=ABLE)).ledger
    assert states(after)["disabled-0"] == "revoking"


def wanted_back(request: str, *keys: Any, **facts: Any) -> Any:
    """The decision about an annotation."""
    o = seen(ledger=a_ledger(a_key(0), *keys, **facts), provider=ABLE, pool=a_pool(undo=request))
    return decide(requests.disabled_keys_are_wanted_back, o)


@pytest.mark.row("DISABLED", "UNDONE")
def test_disabled_keys_are_brought_back_by_name_or_fingerprint() -> None:
    one, two, three = (a_key(slot, DISABLED) for slot in range(3))
    after = wanted_back(f"disabled-0, {two.print}@monday", one, two, three).ledger
    assert list(states(after).values()) == ["active", "draining", "draining", "disabled"]
    assert after.handled_undo == f"disabled-0, {two.print}@monday"
    assert decide(disabling.switches_are_carried_out, seen(ledger=after)).actions == (
        EnableKey("disabled-0"),
        EnableKey("disabled-1"),
    )


def test_all_disabled_keys_can_be_brought_back_at_once() -> None:
    assert states(wanted_back("all@1", a_key(0, DISABLED)).ledger)["disabled-0"] == "draining"


def test_the_same_request_again_does_nothing() -> None:
    assert wanted_back("all@1", a_key(0, DISABLED), handled_undo="all@1").ledger is None


def test_a_compromised_key_does_not_come_back() -> None:
    after = wanted_back("all@1", a_key(0, DISABLED, asked="compromised")).ledger
    assert states(after)["disabled-0"] == "disabled"


def test_a_request_for_a_key_that_is_not_disabled_is_told_until_it_is_corrected() -> None:
    decision = wanted_back("disabled-0,typo@1", a_key(0, DISABLED))
    assert [problem.reason.value for problem in decision.problems] == ["UndoUnknown"]
    assert "entry 2, 6 characters" in decision.problems[0].message
    assert "may be a key: remove it" in decision.problems[0].message
    later = seen(ledger=decision.ledger, provider=ABLE, pool=a_pool(undo="disabled-0,typo@1"))
    assert decide(requests.disabled_keys_are_wanted_back, later).problems == decision.problems


@pytest.mark.parametrize("request_", ["all@1", "disabled-0@1"])
def test_where_the_provider_cannot_disable_keys_whoever_wants_one_back_is_told_so(request_: str) -> None:
    o = seen(ledger=a_ledger(a_key(0)), provider=PROVIDER, pool=a_pool(undo=request_))
    decision = decide(requests.disabled_keys_are_wanted_back, o)
    assert [problem.reason.value for problem in decision.problems] == ["UndoUnknown"]
    assert "cannot disable keys" in decision.problems[0].message
    unknown = decide(requests.disabled_keys_are_wanted_back, replace(o, provider=None))
    assert not any("cannot disable" in problem.message for problem in unknown.problems)


def test_a_key_that_is_wanted_back_drains_only_from_when_it_is_enabled() -> None:
    waiting = a_key(0, DRAINING, enabling=True, unpublished_at=NOW - DAY)
    assert retired(waiting) == "draining"
    assert retired(waiting.model_copy(update={"expires_at": NOW})) == "revoking"
    assert retired(waiting.model_copy(update={"asked": "compromised"})) == "revoking"


def test_switching_waits_for_its_pause() -> None:
    key, pause = a_key(0, DISABLED, disabled_at=None), {"disable:disabled-0": NOW + SECOND}
    decision = decide(disabling.switches_are_carried_out, seen(key, wait_until=pause))
    assert (decision.actions, decision.wake_at) == ((), NOW + SECOND)


def test_a_slot_with_a_disabled_key_starts_no_ordinary_rotation() -> None:
    due = a_key(0, created_at=NOW - 24 * HOUR)
    assert decide(creation.slots_get_keys, seen(due, a_key(1))).actions
    assert not decide(creation.slots_get_keys, seen(due, a_key(0, DISABLED), a_key(1))).actions


def test_status_shows_disabled_keys_and_what_is_next() -> None:
    active = [a_key(slot, template=seen(provider=ABLE).template) for slot in range(2)]
    o = seen(*active, a_key(0, DISABLED), provider=ABLE)
    status = concluded(o)
    assert [(key.state, key.fingerprint) for key in status.keys][2] == ("disabled", a_key(0, DISABLED).print)
    assert status.counts.disabled == 1
    assert status.next_action == "revoke old key 0 at 2026-11-24 09:59Z"
    draining = concluded(replace(o, ledger=a_ledger(*active, a_key(0, DRAINING))))
    assert draining.next_action == "disable old key 0 at 2026-11-24 09:09Z"
    assert draining.effective.quiet == "1h"
