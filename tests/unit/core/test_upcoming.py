"""What happens next: a time only while it lies ahead, what is late since when, and what waits for what."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.reasons import Reason, Trouble
from keypool.core.upcoming import told_to_wait
from tests.unit.core.builders import ABLE, DOWN, HOUR, MINUTE, NOW, a_key, a_ledger, a_pool, a_spec, concluded, seen

ONE = a_pool(spec=a_spec(size=1))
DRAINING, DISABLED = KeyState.DRAINING, KeyState.DISABLED
BUSY = {"create": Trouble(Reason.PROVIDER_THROTTLED, "slower", needs_person=False)}


def told(*keys: Any, **facts: Any) -> tuple[str, dict[str, Any]]:
    """NEXT, and nextRotation, of a pool of one key."""
    given = {"pool": ONE, "ledger": a_ledger(*keys, satisfied_generation=1), **facts}
    status = concluded(seen(**given))
    return status.next_action, status.next_rotation.dump()


@pytest.mark.parametrize("state", [KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.CREATED])
def test_while_a_rotation_is_under_way_it_is_what_is_told(state: KeyState) -> None:
    action, rotation = told(a_key(0), a_key(0, state, why="requested"), a_key(0, DRAINING))
    assert action == "rotating slot 0"
    assert rotation == {"slot": 0, "why": "requested; under way"}


def test_a_rotation_that_is_under_way_and_cannot_go_on_says_why() -> None:
    action, rotation = told(a_key(0), a_key(0, KeyState.CREATED, why="interval"), troubles=BUSY)
    assert action == "rotating slot 0: ProviderThrottled"
    assert rotation["why"] == "every 24h; under way, but ProviderThrottled"


def test_a_spare_of_people_is_no_rotation_under_way() -> None:
    action, _ = told(a_key(0), a_key(0, KeyState.CREATED, why="supplied by people"))
    assert action == "rotate slot 0 at 2026-11-25 08:00Z"


@pytest.mark.parametrize(
    ("old", "quiet", "begins"),
    [
        (DRAINING, False, "2026-11-24 09:09Z"),
        (DRAINING, True, "2026-11-24 10:09Z"),
        (DISABLED, True, "2026-11-24 09:59Z"),
    ],
)
def test_a_rotation_that_is_asked_for_too_soon_says_when_it_begins_and_what_it_waits_for(
    old: KeyState, quiet: bool, begins: str
) -> None:
    facts: dict[str, Any] = {"provider": ABLE} if quiet else {}
    template = seen(pool=ONE, **facts).template
    keys = (a_key(0, asked="requested", template=template), a_key(0, old, template=template))
    action, rotation = told(*keys, **facts)
    assert action == f"rotate slot 0 at {begins}"
    assert rotation["at"] == begins.replace(" ", "T").replace("Z", ":00Z")
    assert rotation["why"].startswith("requested; waits for the key that was replaced before")
    status = concluded(seen(pool=ONE, ledger=a_ledger(*keys, satisfied_generation=1), **facts))
    waits = told_to_wait(status.next_rotation)
    assert waits is not None
    assert waits.startswith(f"slot 0 rotates at {begins.replace('Z', ':00Z')}, not now (requested)")
    [ready] = [each for each in status.conditions if each.type == "Ready"]
    assert ready.message == f"a live key is published; {waits}"


def test_a_spec_that_changed_during_an_overlap_says_when_its_keys_are_made() -> None:
    pool = replace(ONE, generation=2)
    action, rotation = told(a_key(0, template="other"), a_key(0, DRAINING), pool=pool)
    assert action == "rotate slot 0 at 2026-11-24 09:09Z"
    assert rotation["why"].startswith("spec changed; waits")


def test_a_rotation_that_is_asked_for_and_cannot_begin_says_why() -> None:
    action, rotation = told(a_key(0, asked="requested"), troubles=BUSY)
    assert action == "rotate slot 0: ProviderThrottled"
    assert rotation == {"slot": 0, "why": "requested; due now, but ProviderThrottled"}


def test_an_ordinary_rotation_that_is_late_says_since_when_and_why() -> None:
    action, rotation = told(a_key(0, created_at=NOW - 30 * HOUR), provider_problem=DOWN)
    assert action == "slot 0 overdue since 2026-11-24 03:00Z"
    assert rotation == {
        "slot": 0,
        "overdueSince": "2026-11-24T03:00:00Z",
        "why": "every 24h; due now, but ProviderNotReady",
    }


def test_an_overlap_that_cannot_end_says_since_when_it_is_over() -> None:
    action, _ = told(a_key(0), a_key(0, DRAINING, unpublished_at=NOW - HOUR))
    assert action == "key 0 overdue since 2026-11-24 08:10Z"


@pytest.mark.parametrize("reason", Reason)
def test_the_next_action_fits_whatever_a_rotation_waits_for(reason: Reason) -> None:
    waits = {"create": Trouble(reason, "x", needs_person=False)}
    wide = a_pool(spec=a_spec(size=100))
    for keys in ((a_key(99, asked="requested"),), (a_key(99), a_key(99, KeyState.CREATED, why="interval"))):
        action, _ = told(*keys, pool=wide, troubles=waits)
        assert len(action) <= 40


def test_no_time_in_the_past_is_told_as_if_it_lay_ahead() -> None:
    for minutes in range(0, 40 * 60, 60):
        status = concluded(
            seen(pool=ONE, ledger=a_ledger(a_key(0), satisfied_generation=1)), now=NOW + minutes * MINUTE
        )
        rotation = status.next_rotation
        assert (rotation.at is None) != (rotation.overdue_since is None)
        assert rotation.at is None or rotation.at > NOW + minutes * MINUTE
        assert ("overdue" in status.next_action) == (rotation.at is None)


def test_a_suspended_pool_has_no_next_rotation() -> None:
    suspended = a_pool(spec=a_spec(size=1, suspend=True))
    assert concluded(seen(a_key(0), pool=suspended)).next_rotation is None


def test_a_pool_that_needs_a_person_says_so_before_all_else() -> None:
    status = concluded(seen(a_key(0), pool=ONE), Problem(Reason.KEY_REFUSED, "no such scope"))
    assert status.next_action == "needs you: KeyRefused"


def test_who_asked_for_nothing_is_not_told_to_wait() -> None:
    assert told_to_wait(None) is None
    assert told_to_wait(concluded(seen(a_key(0), pool=ONE)).next_rotation) is None
