"""What happened to keys is told from the ledger's steps: to the audit log all of it, to people what they need."""

import pytest

from keypool.core.history import announcements, changes
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.reasons import Reason
from tests.unit.core.builders import NOW, a_key, a_ledger

CREATED, REVOKING = KeyState.CREATED, KeyState.REVOKING


def test_first_keys_that_are_published_together_are_one_event() -> None:
    keys = [a_key(slot, CREATED, name=f"k{slot}", why="slot empty") for slot in (0, 1)]
    proven = a_ledger(*keys).advance("k0", Evidence.PROVEN).advance("k1", Evidence.PROVEN)
    assert announcements(proven.steps, proven.appeared) == (), "nothing is told before it is so"
    seen_there = proven.published("k0", NOW).published("k1", NOW)
    (news,) = announcements(seen_there.steps, seen_there.appeared)
    assert news.reason is Reason.KEY_CREATED
    assert news.note == f"new keys are published: {keys[0].print} in slot 0, {keys[1].print} in slot 1"


def test_a_successor_of_a_compromised_key_is_told_as_a_rotation_with_its_cause() -> None:
    ledger = a_ledger(a_key(0, name="old"), a_key(0, CREATED, name="new", why="compromised"))
    after = ledger.advance("old", Evidence.SUPERSEDED).advance("new", Evidence.PROVEN).published("new", NOW)
    (news,) = announcements(after.steps, after.appeared)
    assert news.reason is Reason.KEY_ROTATED
    assert "compromised" in news.note


@pytest.mark.parametrize("why", ["interval", "expiry", "requested", "spec changed"])
def test_an_ordinary_rotation_is_no_event_from_its_begin_to_its_end(why: str) -> None:
    ledger = a_ledger(a_key(0, name="old"), a_key(0, CREATED, name="new", why=why))
    after = ledger.advance("old", Evidence.SUPERSEDED).advance("new", Evidence.PROVEN)
    after = after.advance("old", Evidence.UNNEEDED).advance("old", Evidence.REVOKED)
    assert announcements(after.steps) == ()
    assert [change.what for change in changes(after.steps)] == ["draining", "active", "revoking", "revoked"]


def test_the_end_of_a_compromised_key_is_told() -> None:
    after = a_ledger(a_key(0, REVOKING, name="a", asked="compromised")).advance("a", Evidence.REVOKED)
    assert [news.reason for news in announcements(after.steps)] == [Reason.KEY_REVOKED]


def test_the_audit_log_tells_why_a_key_left_and_not_why_it_was_made() -> None:
    after = a_ledger(a_key(0, name="a", why="interval")).advance("a", Evidence.FAILED)
    (change,) = changes(after.steps)
    assert (change.what, change.why, change.made_for) == ("withdrawn", Evidence.FAILED.value, "interval")


def test_a_proven_revocation_is_told_as_such_also_for_an_owed_key() -> None:
    after = a_ledger(a_key(0, KeyState.OWED, name="a")).advance("a", Evidence.REVOKED)
    assert [change.what for change in changes(after.steps)] == ["revoked"]
    assert [news.reason for news in announcements(after.steps)] == [Reason.KEY_REVOKED]


def test_a_key_that_comes_back_is_no_event() -> None:
    after = a_ledger(a_key(0, KeyState.WITHDRAWN, name="a")).advance("a", Evidence.RECOVERED)
    assert announcements(after.steps) == ()
    assert [change.what for change in changes(after.steps)] == ["active"]


def test_a_key_that_is_published_again_is_no_news() -> None:
    after = a_ledger(a_key(0, name="a", unpublished_at=NOW)).published("a", NOW)
    assert after.appeared == ()
    assert after.keys[0].unpublished_at is None


def test_steps_are_not_stored() -> None:
    after = a_ledger(a_key(0, REVOKING, name="a")).advance("a", Evidence.REVOKED)
    assert "steps" not in after.model_dump()
