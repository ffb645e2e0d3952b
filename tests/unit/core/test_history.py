"""What happened to keys is told from the ledger's steps: to the audit log all of it, to people what they need."""

from typing import Any

import pytest

from keypool.core.history import announcements, changes, publications
from keypool.core.ledger import Ledger, Rotation, Shown
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.reasons import Reason
from keypool.core.rules.publication import publication_is_recorded, take_slot
from tests.unit.core.builders import FOREIGN, NOW, a_key, a_ledger, decide, seen

CREATED, DRAINING, REVOKING = KeyState.CREATED, KeyState.DRAINING, KeyState.REVOKING


def shown(before: Ledger, **facts: Any) -> tuple[Shown, ...]:
    """The new keys that are recorded once the Secret was seen to be what this ledger says."""
    return recorded(before, **facts).shown


def recorded(before: Ledger, **facts: Any) -> Ledger:
    """The ledger after the publication was seen, or not."""
    return decide(publication_is_recorded, seen(ledger=before, **facts)).ledger or before


def proven(old: Any, new: Any) -> Ledger:
    """A key has just taken its slot in the ledger."""
    return take_slot(a_ledger(old, new), new, new.slot)


def test_first_keys_that_are_published_together_are_one_event() -> None:
    keys = [a_key(slot, CREATED, name=f"k{slot}", why="slot empty") for slot in (0, 1)]
    ledger = take_slot(take_slot(a_ledger(*keys), keys[0], 0), keys[1], 1)
    (news,) = publications(shown(ledger))
    assert news.reason is Reason.KEY_CREATED
    assert news.note == f"new keys are published: {keys[0].print} in slot 0, {keys[1].print} in slot 1"


@pytest.mark.parametrize("why", ["interval", "expiry", "requested", "spec changed"])
def test_an_ordinary_rotation_is_one_event_that_says_until_when_the_old_key_works(why: str) -> None:
    old, new = a_key(0, name="old"), a_key(0, CREATED, name="new", why=why)
    (news,) = publications(shown(proven(old, new)))
    assert (news.kind, news.reason) == ("Normal", Reason.KEY_ROTATED)
    assert news.note == (
        f"rotated slot 0 ({why}): {new.print} replaces {old.print}, which works until 2026-11-24T09:10:00Z; "
        "pods that take the key from the environment or a subPath need a restart by then"
    )


def test_the_end_of_an_ordinary_rotation_is_no_event() -> None:
    after = a_ledger(a_key(0, DRAINING, name="old")).advance("old", Evidence.UNNEEDED).advance("old", Evidence.REVOKED)
    assert announcements(after.steps) == ()
    assert [change.what for change in changes(after.steps)] == ["revoking", "revoked"]


def test_a_rotation_is_no_event_before_the_secret_was_seen_with_the_new_key() -> None:
    old, new = a_key(0, name="old"), a_key(0, CREATED, name="new", why="interval")
    ledger = proven(old, new)
    assert announcements(ledger.steps) == ()
    assert shown(ledger, secret_problem=FOREIGN) == ()
    assert recorded(ledger, secret_problem=FOREIGN).last_rotation is None


@pytest.mark.parametrize(
    ("asked", "why", "end"),
    [
        ("compromised", "compromised", "which is revoked as soon as the provider can be reached"),
        (None, "key rejected", "which the provider rejects"),
    ],
)
def test_a_successor_of_a_bad_key_is_told_as_a_rotation_with_its_cause(asked: Any, why: str, end: str) -> None:
    ledger = proven(a_key(0, name="old", asked=asked), a_key(0, CREATED, name="new", why=why))
    after = recorded(ledger)
    (news,) = publications(after.shown)
    assert f"({why})" in news.note
    assert end in news.note
    assert "works until" not in news.note
    assert after.last_rotation is not None
    assert after.last_rotation.until is None


def test_many_rotations_at_once_are_one_event_that_the_api_server_takes() -> None:
    rotation = Rotation(at=NOW, slot=99, why="supplied by people", new="0" * 12, old="1" * 12)
    (news,) = publications([Shown(a_key(99), rotation)] * 100)
    assert "and 94 more" in news.note
    assert len(news.note) <= 1024


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
    for back in (a_key(0, unpublished_at=NOW), a_key(0, published_at=None)):
        assert shown(a_ledger(back)) == ()


def test_steps_are_not_stored() -> None:
    after = a_ledger(a_key(0, REVOKING, name="a")).advance("a", Evidence.REVOKED)
    assert "steps" not in after.model_dump()
