"""Requests by annotation are carried out once."""

from typing import Any

import pytest

from keypool.core.lifecycle import KeyState
from keypool.core.plan import plan
from keypool.core.reasons import Reason
from keypool.core.rotation import Why
from keypool.core.rules import acknowledged, requests
from tests.unit.core.builders import DOWN, HOUR, NOW, a_key, a_ledger, a_pool, a_spec, accepted, decide, seen

DRAINING, REVOKING = KeyState.DRAINING, KeyState.REVOKING


def asked(rule: Any, o: Any) -> Any:
    ledger = decide(rule, o).ledger
    return {} if ledger is None else {key.name: key.asked for key in ledger.keys if key.asked}


def test_a_new_token_asks_for_a_new_key_in_every_slot() -> None:
    o = seen(a_key(0), a_key(1), a_key(1, DRAINING), pool=a_pool(rotate="t1"))
    assert asked(requests.requested_rotation_is_marked, o) == {"active-0": "requested", "active-1": "requested"}


def test_the_same_token_again_does_nothing() -> None:
    o = seen(ledger=a_ledger(a_key(0), handled_rotate="t1"), pool=a_pool(rotate="t1"))
    assert decide(requests.requested_rotation_is_marked, o).ledger is None


def test_a_new_token_lifts_the_stop_after_rejected_new_keys() -> None:
    o = seen(ledger=a_ledger(rejected_in_a_row=3), pool=a_pool(rotate="t1"))
    after = decide(requests.requested_rotation_is_marked, o).ledger
    assert (after.rejected_in_a_row, after.handled_rotate) == (0, "t1")


def test_a_requested_rotation_does_not_soften_a_compromise() -> None:
    o = seen(a_key(0, asked="compromised"), pool=a_pool(rotate="t1"))
    assert asked(requests.requested_rotation_is_marked, o) == {"active-0": "compromised"}


@pytest.mark.parametrize("rule", [requests.requested_rotation_is_marked, requests.compromised_keys_are_marked])
def test_a_suspended_pool_handles_requests_when_it_resumes(rule: Any) -> None:
    o = seen(a_key(0), pool=a_pool(rotate="t1", compromised="all@t1", spec=a_spec(suspend=True)))
    assert decide(rule, o).ledger is None


def test_compromised_keys_are_named_by_id_or_fingerprint() -> None:
    other = a_key(1)
    o = seen(a_key(0), other, a_key(2), pool=a_pool(compromised=f"active-0, {other.print},unknown"))
    marked = asked(requests.compromised_keys_are_marked, o)
    assert marked == {"active-0": "compromised", "active-1": "compromised"}


def test_all_keys_that_may_still_work_can_be_named_at_once() -> None:
    keys = [a_key(0), a_key(0, DRAINING), a_key(1, REVOKING), a_key(2, KeyState.OWED), a_key(3, KeyState.HELD)]
    o = seen(*keys, a_key(4, KeyState.INTENDED), pool=a_pool(compromised="all@2026-11-24"))
    assert asked(requests.compromised_keys_are_marked, o) == {key.name: "compromised" for key in keys}


def test_since_when_a_leak_is_reported_is_remembered_through_a_second_report() -> None:
    first = a_key(0, asked="compromised", reported_at=NOW - HOUR)
    after = decide(requests.compromised_keys_are_marked, seen(first, a_key(1), pool=a_pool(compromised="all@2"))).ledger
    assert [key.reported_at for key in after.keys] == [NOW - HOUR, NOW]


@pytest.mark.row("ACTIVE", "UNREPLACED")
@pytest.mark.row("WITHDRAWN", "UNREPLACED")
@pytest.mark.row("DRAINING", "UNREPLACED")
@pytest.mark.parametrize("suspend", [True, False])
@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.WITHDRAWN, DRAINING, KeyState.DISABLED])
def test_a_leak_reported_with_now_is_revoked_without_a_successor_whatever_stands_in_the_way(
    state: Any, *, suspend: bool
) -> None:
    pool = a_pool(compromised=f"{state.value}-0!now@1", spec=a_spec(suspend=suspend))
    o = seen(a_key(0, state), pool=pool, provider_problem=DOWN, wait_until={"publish": NOW + HOUR})
    assert [key.state for key in plan(o, NOW).ledger.keys] == [REVOKING]


def test_a_new_key_that_is_reported_leaked_is_never_published() -> None:
    o = seen(a_key(0), a_key(1, KeyState.CREATED), checks=accepted("created-1"), pool=a_pool(compromised="created-1"))
    assert plan(o, NOW).ledger.key("created-1").state is REVOKING  # type: ignore[union-attr]


def test_a_compromise_is_recorded_as_handled_also_when_no_key_has_that_name() -> None:
    o = seen(a_key(0), pool=a_pool(compromised="nobody"))
    after = decide(requests.compromised_keys_are_marked, o).ledger
    assert requests.is_handled(o, "nobody", after.handled_compromised)
    assert "nobody" not in after.handled_compromised
    assert not after.keys[0].asked


@pytest.mark.row("HELD", "CLEARED")
def test_a_lost_key_that_a_person_cleared_is_forgotten_once() -> None:
    held, other = a_key(0, KeyState.HELD), a_key(1, KeyState.HELD)
    after = decide(requests.lost_keys_are_cleared, seen(held, other, pool=a_pool(cleared=held.name))).ledger
    assert [key.name for key in after.keys] == [other.name]
    again = seen(ledger=after, pool=a_pool(cleared=held.name))
    assert decide(requests.lost_keys_are_cleared, again).ledger is None


def test_clearing_touches_no_key_that_is_known_to_exist() -> None:
    o = seen(a_key(0), a_key(1, DRAINING), pool=a_pool(cleared="all@now"))
    after = decide(requests.lost_keys_are_cleared, o).ledger
    assert after.keys == o.ledger.keys


def test_a_typing_error_in_a_report_of_a_leak_is_told_until_it_is_corrected() -> None:
    pool = a_pool(compromised="typo,active-0")
    decision = decide(requests.compromised_keys_are_marked, seen(a_key(0), pool=pool))
    assert [problem.message for problem in decision.problems] == [
        "keypool.dev/compromised names no key of this pool in: entry 1, 4 characters. " + requests.REMOVE
    ]
    later = decide(requests.compromised_keys_are_marked, seen(ledger=decision.ledger, pool=pool))
    assert later.problems == decision.problems
    removed = decide(requests.compromised_keys_are_marked, seen(ledger=decision.ledger, pool=a_pool()))
    assert removed.problems == ()


def test_a_leak_reported_while_suspended_asks_for_a_person() -> None:
    o = seen(a_key(0), pool=a_pool(compromised="active-0", spec=a_spec(suspend=True)))
    decision = decide(requests.compromised_keys_are_marked, o)
    assert [problem.reason.value for problem in decision.problems] == ["CompromiseWaits"]
    assert decision.ledger is None


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        (requests.lost_keys_are_cleared, lambda text: {"pool": a_pool(cleared=text)}),
        (requests.owed_keys_are_abandoned, lambda text: {"pool": a_pool(), "abandon": text}),
        (acknowledged.revoked_keys_are_forgotten, lambda text: {"pool": a_pool(revoked=text)}),
    ],
)
def test_a_request_that_names_no_such_key_is_told_until_it_is_corrected_and_one_that_was_done_is_not(
    rule: Any, asks: Any
) -> None:
    supplied = rule is acknowledged.revoked_keys_are_forgotten
    lost = a_key(0, KeyState.OWED if supplied else KeyState.HELD, why=Why.SUPPLIED.value)
    found = decide(rule, seen(lost, **asks("sk-nobodys-0123456789")))
    (problem,) = found.problems
    assert problem.reason is Reason.REQUEST_UNKNOWN
    assert "entry 1, 21 characters" in problem.message
    assert "nobodys" not in f"{problem.message}{found.ledger}"
    assert decide(rule, seen(ledger=found.ledger, **asks("sk-nobodys-0123456789"))).problems == found.problems
    done = decide(rule, seen(ledger=found.ledger, **asks(lost.name)))
    assert done.problems == ()
    assert decide(rule, seen(ledger=done.ledger, **asks(lost.name))).problems == ()
    assert decide(rule, seen(ledger=found.ledger, pool=a_pool())).problems == ()
    late = decide(rule, seen(a_key(0), **asks(lost.name)))
    assert late.problems == (), "the key that was meant went by itself, and nothing is left to ask for"
