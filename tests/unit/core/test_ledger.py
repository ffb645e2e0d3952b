"""The ledger: what is written is read back, and what is damaged is refused without showing what it holds."""

import json
from typing import Any

import pytest

from keypool.core.ledger import KeyRecord, LedgerUnreadable, dump, load
from keypool.core.lifecycle import Evidence, IllegalTransition, KeyState
from tests.unit.core.builders import NOW, a_key, a_ledger, states

CANARY = "sk-canary-7f3a"


def document(**changes: Any) -> Any:
    """A ledger with a canary as its value, as stored, with other top-level fields."""
    return json.dumps({**json.loads(dump(a_ledger(a_key(0, value=CANARY)))), **changes})


def with_key(**changes: Any) -> Any:
    (key,) = json.loads(document())["keys"]
    return document(keys=[{**key, **changes}])


def test_what_is_dumped_is_loaded_again_with_values() -> None:
    ledger = a_ledger(a_key(0, value=CANARY), a_key(1, KeyState.HELD), handled_rotate="t1", rejected_in_a_row=2)
    assert load(dump(ledger)) == ledger
    value = load(dump(ledger)).keys[0].value
    assert value is not None
    assert value.get_secret_value() == CANARY


def test_a_ledger_does_not_keep_which_fields_were_given() -> None:
    ledger = load(document())
    assert ledger.model_fields_set is ledger.keys[0].model_fields_set, "a set for each takes megabytes"
    assert not ledger.model_copy(update={"revision": 7}).keys[0].model_fields_set


def test_no_repr_shows_a_value() -> None:
    assert CANARY not in repr(a_ledger(a_key(0, value=CANARY)))


DAMAGED = {
    "not JSON": "{" + CANARY,
    "nested without end": "[" * 100_000,
    "no object": json.dumps([CANARY]),
    "no number of a slot": with_key(slot=CANARY),
    "unknown state": with_key(state=CANARY),
    "unknown field": with_key(**{CANARY: 1}),
    "unknown field on top": document(**{CANARY: 1}),
    "a time without zone": with_key(expires_at="2026-11-24T09:00:00"),
    "a missing field": json.dumps({"keys": []}),
    "a newer version": document(schema_version=4),
    "a version in words": document(schema_version=CANARY),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_ledger_that_cannot_be_read_is_refused_and_its_content_not_shown(text: Any) -> None:
    with pytest.raises(LedgerUnreadable) as refused:
        load(text)
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert len(str(refused.value)) < 300


def test_the_message_names_the_damaged_field() -> None:
    with pytest.raises(LedgerUnreadable, match=r"damaged: keys\.0\.slot"):
        load(with_key(slot="x"))


def test_the_message_names_the_versions() -> None:
    with pytest.raises(LedgerUnreadable, match="schema version 9; this operator reads up to 3"):
        load(document(schema_version=9))


def test_a_key_moves_only_along_the_table() -> None:
    ledger = a_ledger(a_key(0), a_key(1))
    assert states(ledger.advance("active-0", Evidence.SUPERSEDED)) == {"active-0": "draining", "active-1": "active"}
    with pytest.raises(IllegalTransition):
        ledger.advance("active-0", Evidence.REVOKED)
    with pytest.raises(KeyError):
        ledger.advance("nobody", Evidence.SUPERSEDED)


def test_a_forgotten_key_leaves_the_others_in_their_order() -> None:
    keys = [a_key(0, name="a"), a_key(0, KeyState.REVOKING, name="b"), a_key(1, name="c")]
    assert [key.name for key in a_ledger(*keys).advance("b", Evidence.REVOKED).keys] == ["a", "c"]


def test_marking_changes_facts_and_no_state() -> None:
    ledger = a_ledger(a_key(0)).mark("active-0", published_at=NOW)
    assert (ledger.keys[0].published_at, ledger.keys[0].state) == (NOW, KeyState.ACTIVE)
    assert ledger.mark("nobody", published_at=NOW) == ledger


def test_a_key_without_value_has_no_fingerprint() -> None:
    key: KeyRecord = a_key(0, KeyState.HELD)
    assert key.print is None
    assert a_key(0, value=CANARY).print is not None


def test_a_ledger_of_the_version_before_is_read_and_becomes_one_of_this() -> None:
    older = load(document(schema_version=1))
    assert older == load(document(schema_version=2)) == load(document(schema_version=3))
    assert older.schema_version == 3


@pytest.mark.parametrize("end", [{}, {"deletionPolicy": "retain"}], ids=["empty", "no policy"])
def test_a_ledger_that_says_nonsense_about_the_pools_end_is_damaged(end: Any) -> None:
    """It would be found out only when the pool goes, and then again and again."""
    with pytest.raises(LedgerUnreadable, match=r"damaged: end\."):
        load(dump(a_ledger(a_key(0)).model_copy(update={"end": end})))
