"""Retirement: a key is revoked only when it was out of the Secret for the whole overlap."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.actions import PublishSecrets, RevokeKey
from keypool.core.lifecycle import KeyState
from keypool.core.rules import retirement
from tests.unit.core.builders import (
    FOREIGN,
    MINUTE,
    NOW,
    SECOND,
    a_key,
    a_pool,
    a_spec,
    decide,
    seen,
    states,
)

DRAINING, REVOKING, OWED = KeyState.DRAINING, KeyState.REVOKING, KeyState.OWED
OLD = {"unpublished_at": NOW - 10 * MINUTE}


def retired(o: Any, *before: Any) -> Any:
    ledger = decide(retirement.unneeded_keys_are_revoked, o, *before).ledger
    return [] if ledger is None else [key.name for key in ledger.inside(REVOKING)]


@pytest.mark.row("DRAINING", "UNNEEDED")
def test_a_draining_key_is_revoked_after_its_overlap() -> None:
    assert retired(seen(a_key(0), a_key(0, DRAINING, **OLD))) == ["draining-0"]


def test_a_draining_key_is_not_revoked_before_its_overlap_is_over() -> None:
    o = seen(a_key(0), a_key(0, DRAINING, unpublished_at=NOW - 9 * MINUTE))
    decision = decide(retirement.unneeded_keys_are_revoked, o)
    assert states(decision.ledger)["draining-0"] == "draining"
    assert decision.wake_at == NOW + MINUTE


def test_a_compromised_key_skips_the_overlap() -> None:
    assert retired(seen(a_key(0), a_key(0, DRAINING, asked="compromised", unpublished_at=NOW))) == ["draining-0"]


def test_a_compromised_key_is_not_revoked_before_it_was_seen_out_of_the_secret() -> None:
    assert retired(seen(a_key(0), a_key(0, DRAINING, asked="compromised", unpublished_at=None))) == []


@pytest.mark.parametrize("others", [(), (a_key(0, published_at=None),), (a_key(0, KeyState.WITHDRAWN),)])
def test_nothing_is_revoked_while_no_active_key_is_published(others: Any) -> None:
    assert retired(seen(*others, a_key(0, DRAINING, **OLD))) == []


def test_nothing_is_revoked_in_a_pass_that_writes_the_secrets() -> None:
    assert retired(seen(a_key(0), a_key(0, DRAINING, **OLD)), PublishSecrets(())) == []


@pytest.mark.parametrize(
    "facts",
    [{"secret_problem": FOREIGN}, {"contested": FOREIGN}, {"wait_until": {"publish": NOW + SECOND}}],
    ids=["foreign or newer", "contested", "writing failed"],
)
def test_nothing_is_revoked_while_the_secrets_may_hold_anything(facts: Any) -> None:
    assert retired(seen(a_key(0), a_key(0, DRAINING, **OLD), **facts)) == []


def test_a_suspended_pool_starts_no_revocation_and_finishes_those_begun() -> None:
    pool = a_pool(spec=a_spec(suspend=True))
    o = seen(a_key(0), a_key(0, DRAINING, **OLD), a_key(1, REVOKING), pool=pool)
    assert retired(o) == []
    assert decide(retirement.revocations_are_carried_out, o).actions == (RevokeKey("revoking-1"),)


def test_revocations_are_carried_out_whoever_began_them() -> None:
    o = seen(a_key(0, REVOKING, epoch="epoch-1"), a_key(1, OWED), a_key(2, OWED, handle=None))
    actions = decide(retirement.revocations_are_carried_out, o).actions
    assert actions == (RevokeKey("revoking-0"), RevokeKey("owed-1"))


def test_a_revocation_waits_for_its_pause() -> None:
    o = seen(a_key(0, REVOKING), wait_until={"revoke:revoking-0": NOW + SECOND})
    decision = decide(retirement.revocations_are_carried_out, o)
    assert (decision.actions, decision.wake_at) == ((), NOW + SECOND)
    over = replace(o, wait_until={"revoke:revoking-0": NOW})
    assert decide(retirement.revocations_are_carried_out, over).actions == (RevokeKey("revoking-0"),)
