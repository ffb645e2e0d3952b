"""The table of a key's life is whole: every state can be reached, and can end."""

from typing import Any

import pytest

from keypool.core.lifecycle import TABLE, Effect, Evidence, IllegalTransition, KeyState, next_state


def reached_from(start: Any) -> Any:
    found: set[Any] = set()
    frontier = {start}
    while frontier:
        frontier = {row.after for row in TABLE if row.before in frontier} - found
        found |= frontier
        frontier.discard(None)
    return found


def test_every_state_can_be_reached() -> None:
    assert set(KeyState) <= reached_from(None)


@pytest.mark.parametrize("state", KeyState)
def test_every_state_can_end_forgotten(state: Any) -> None:
    assert None in reached_from(state)


def test_no_two_rows_answer_the_same_evidence() -> None:
    assert len({(row.before, row.evidence) for row in TABLE}) == len(TABLE)


def test_every_evidence_is_used() -> None:
    assert {row.evidence for row in TABLE} == set(Evidence)


def test_what_is_not_in_the_table_cannot_happen() -> None:
    with pytest.raises(IllegalTransition, match="active and REVOKED"):
        next_state(KeyState.ACTIVE, Evidence.REVOKED)


def test_a_key_is_revoked_before_it_is_forgotten_once_it_has_a_value() -> None:
    with_value = {KeyState.CREATED, KeyState.ACTIVE, KeyState.WITHDRAWN, KeyState.DRAINING, KeyState.DISABLED}
    forgotten = [row for row in TABLE if row.before in with_value and row.after is None]
    by_people = {Evidence.REMOVED, Evidence.LEFT}
    ours = [row for row in forgotten if row.evidence not in by_people]
    assert {row.evidence for row in ours} == {Evidence.GONE_UPSTREAM}, "nothing is left to be revoked"
    assert {row.before for row in ours} == {KeyState.WITHDRAWN, KeyState.DRAINING, KeyState.DISABLED}


def test_an_active_key_is_revoked_directly_only_with_its_pool_or_when_it_leaked_and_may_have_no_successor() -> None:
    rows = [row for row in TABLE if row.before is KeyState.ACTIVE and row.after is KeyState.REVOKING]
    assert [row.evidence for row in rows] == [Evidence.UNREPLACED, Evidence.POOL_DELETED]


def test_each_way_into_revoking_is_followed_by_a_delete_call() -> None:
    assert {row.effect for row in TABLE if row.after is KeyState.REVOKING} == {Effect.REVOKE}
