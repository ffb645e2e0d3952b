"""Whose account a credential belongs to, told by a listing; and which lost keys are in it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.account import Account, Expectation, account_of, recorded_in
from keypool.core.claims import Sighting, Wanted, claim, sighted
from keypool.core.lifecycle import KeyState
from tests.unit.core.builders import DAY, HOUR, MINUTE, NOW, SECOND, a_key, a_ledger

EXPECTED = Expectation("provider-1", visible=NOW - 5 * SECOND, now=NOW)
DEADLINE = 30 * SECOND


def verdict(*keys: Any, listed: Any = ("somebody's",), **facts: Any) -> Account:
    """What a listing with these handles says."""
    return account_of([a_ledger(*keys)], set(listed), replace(EXPECTED, **facts))


@pytest.mark.parametrize("state", [KeyState.CREATED, KeyState.ACTIVE, KeyState.DRAINING])
def test_an_account_without_any_of_our_live_keys_is_another_one(state: Any) -> None:
    assert verdict(a_key(0, state)) is Account.CHANGED


def test_one_of_our_keys_is_enough_to_know_the_account() -> None:
    known = a_key(1, KeyState.REVOKING)
    assert verdict(a_key(0), known, listed=[known.handle]) is Account.SAME


@pytest.mark.parametrize(
    "key",
    [
        a_key(0, KeyState.WITHDRAWN),
        a_key(0, KeyState.REVOKING),
        a_key(0, KeyState.OWED),
        a_key(0, KeyState.HELD),
        a_key(0, expires_at=NOW),
        a_key(0, created_at=NOW - 4 * SECOND),
        a_key(0, provider="provider-2"),
    ],
    ids=["withdrawn", "revoking", "owed", "held", "expired", "too new to be listed", "of another provider"],
)
def test_a_key_that_need_not_be_listed_says_nothing(key: Any) -> None:
    assert verdict(key) is Account.UNKNOWN


def test_a_key_that_probes_reject_says_nothing() -> None:
    assert verdict(a_key(0), rejected={"active-0"}) is Account.UNKNOWN


def test_what_a_person_confirmed_holds_for_the_keys_made_before() -> None:
    assert verdict(a_key(0), confirmed=NOW - MINUTE) is Account.UNKNOWN
    assert verdict(a_key(0), confirmed=NOW - DAY) is Account.CHANGED


def test_a_key_listed_twice_unknown_with_a_create_deadline_between_is_claimed() -> None:
    seen = {"lost": Sighting(NOW - DEADLINE, None)}
    assert claim([Wanted("intent", NOW - HOUR)], seen, NOW, DEADLINE).decided == {"intent": "lost"}


def test_a_key_that_a_call_under_way_may_have_made_is_not_claimed() -> None:
    seen = {"new": Sighting(NOW - DEADLINE + SECOND, None)}
    claims = claim([Wanted("intent", NOW - HOUR)], seen, NOW, DEADLINE)
    assert not claims.decided
    assert claims.again == NOW + SECOND


def test_where_no_unknown_key_is_listed_the_intent_never_became_one() -> None:
    assert claim([Wanted("intent", NOW)], {}, NOW, DEADLINE).decided == {"intent": None}


def test_a_key_that_was_missing_when_the_lost_one_had_to_be_listed_is_another_ones() -> None:
    seen = {"younger": Sighting(NOW, NOW - SECOND)}
    assert claim([Wanted("intent", NOW - MINUTE)], seen, NOW, DEADLINE).decided == {"intent": None}


def test_a_listing_that_came_too_early_decides_nothing() -> None:
    assert not claim([Wanted("intent", NOW + SECOND)], {}, NOW, DEADLINE).decided


def test_no_key_is_claimed_twice() -> None:
    seen = {"lost": Sighting(NOW - HOUR, None)}
    wanted = [Wanted("one", NOW - HOUR), Wanted("two", NOW - HOUR)]
    assert claim(wanted, seen, NOW, DEADLINE).decided == {"one": "lost", "two": None}


def test_of_several_keys_the_latest_is_claimed() -> None:
    seen = {"older": Sighting(NOW - DAY, None), "later": Sighting(NOW - HOUR, NOW - DAY)}
    assert claim([Wanted("intent", NOW - MINUTE)], seen, NOW, DEADLINE).decided == {"intent": "later"}


def test_a_sighting_begins_anew_when_the_key_was_known_in_between() -> None:
    first = sighted({}, ["a"], NOW, None)
    between = sighted(first, [], NOW + MINUTE, NOW)
    assert sighted(between, ["a"], NOW + HOUR, NOW + MINUTE) == {"a": Sighting(NOW + HOUR, NOW + MINUTE)}
    assert sighted(first, ["a"], NOW + timedelta(hours=1), NOW) == first


@pytest.mark.parametrize(
    ("key", "known"),
    [
        (a_key(0, handle="h"), True),
        (a_key(0, handle="h", provider="provider-2"), True),
        (a_key(0, handle="h", provider="provider-2", value=SecretStr("another-value-of-another-account")), False),
        (a_key(0, handle="h", provider="provider-2", value=None), False),
        (a_key(0, handle="another"), False),
    ],
    ids=["ours", "the same account", "equal handle elsewhere", "equal handle of a tombstone", "another"],
)
def test_a_listed_key_is_known_by_the_ledgers_record_of_that_very_key(key: Any, known: Any) -> None:
    listed = {"h": a_key(0).print}
    assert (recorded_in([a_ledger(key)], "provider-1", listed) == {"h"}) == known
