"""A pool that its provider's tenancy refuses: nothing is made or rotated, nothing is taken away, all can be revoked."""

from typing import Any

import pytest

from keypool.core.actions import CreateKey, PublishSecrets, RevokeKey
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Identity
from keypool.core.observation import Problem
from keypool.core.plan import REFUSED_AT_LAST
from keypool.core.reasons import Reason
from keypool.core.rules import requests
from tests.unit.core.builders import (
    HOUR,
    MINUTE,
    NOW,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    decide,
    only,
    planned,
    seen,
    states,
)

NO_TENANT = Problem(Reason.NOT_A_TENANT, "namespace shop is no tenant")
ONE = a_pool(spec=a_spec(size=1))
OLD = {"created_at": NOW - 24 * HOUR}


def refused(*keys: Any, **facts: Any) -> Any:
    """A pool of one slot that is refused; the keys' probes are good."""
    facts.setdefault("pool", ONE)
    return seen(*keys, refused=NO_TENANT, checks=accepted(*(key.name for key in keys)), **facts)


def test_it_gets_no_key_is_stalled_and_looked_at_again() -> None:
    o = refused()
    decided = planned(o)
    assert decided.actions == ()
    assert decided.problems == (NO_TENANT,)
    assert decided.wake_at == NOW + REFUSED_AT_LAST
    conditions = {one.type: one for one in concluded(o, *decided.problems).conditions}
    assert (conditions["Stalled"].reason, conditions["Ready"].status) == ("NotATenant", "False")


def test_its_published_key_stays_and_is_not_rotated_when_due() -> None:
    o = refused(a_key(**OLD))
    decided = planned(o)
    assert not any(isinstance(action, CreateKey | RevokeKey) for action in decided.actions)
    assert states(decided.ledger) == {"active-0": "active"}


def test_it_stays_ready_while_its_key_is_good() -> None:
    (ready, *_) = concluded(refused(a_key()), NO_TENANT).conditions
    assert (ready.type, ready.status) == ("Ready", "True")
    assert "NotATenant needs a person" in ready.message


def test_a_change_of_its_spec_is_not_taken_for_done() -> None:
    pool = a_pool(spec=a_spec(size=1, key={"scopes": ["other"]}), generation=2)
    assert planned(refused(a_key(), pool=pool)).ledger.satisfied_generation == 1


def test_a_key_that_drains_is_revoked_after_its_overlap() -> None:
    keys = (a_key(), a_key(0, KeyState.DRAINING, unpublished_at=NOW - 11 * MINUTE))
    assert only(RevokeKey, planned(refused(*keys)).actions) == [RevokeKey("draining-0")]


def test_a_smaller_size_still_takes_keys_away() -> None:
    assert states(planned(refused(a_key(0), a_key(1))).ledger) == {"active-0": "active", "active-1": "draining"}


def test_it_is_revoked_when_its_pool_is_deleted() -> None:
    pool = a_pool(spec=a_spec(size=1), deleted_at=NOW)
    assert only(RevokeKey, planned(refused(a_key(), pool=pool)).actions) == [RevokeKey("active-0")]


@pytest.mark.row("ACTIVE", "UNREPLACED")
@pytest.mark.row("WITHDRAWN", "UNREPLACED")
@pytest.mark.row("DRAINING", "UNREPLACED")
@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.WITHDRAWN, KeyState.DRAINING])
def test_a_leaked_key_is_revoked_at_once_although_it_gets_no_successor(state: Any) -> None:
    o = refused(a_key(0, state, asked="compromised"))
    assert states(decide(requests.compromised_keys_without_successor_are_revoked, o).ledger) == {
        f"{state.value}-0": "revoking"
    }


def test_a_leaked_key_leaves_the_secrets_in_the_pass_that_revokes_it() -> None:
    keys = (a_key(0, asked="compromised"), a_key(1))
    decided = planned(refused(*keys, pool=a_pool()))
    assert [type(action) for action in decided.actions] == [PublishSecrets, RevokeKey]
    assert decided.ledger.primary == "active-1"


def test_a_leaked_key_of_a_suspended_pool_waits_as_ever() -> None:
    pool = a_pool(spec=a_spec(size=1, suspend=True))
    o = refused(a_key(asked="compromised"), pool=pool)
    assert decide(requests.compromised_keys_without_successor_are_revoked, o).ledger is None


def test_while_it_is_not_known_whether_it_is_refused_a_leaked_key_waits_for_its_successor() -> None:
    unknown = Problem(Reason.CLUSTER_UNAVAILABLE, "the API server does not answer", stalls=False)
    o = seen(a_key(asked="compromised"), pool=ONE, refused=unknown)
    decided = planned(o)
    assert states(decided.ledger) == {"active-0": "active"}
    assert not any(isinstance(action, CreateKey | RevokeKey) for action in decided.actions)


def test_a_new_pool_tells_why_it_waits() -> None:
    unknown = Problem(Reason.CLUSTER_UNAVAILABLE, "the API server does not answer", stalls=False)
    (ready, *_) = concluded(seen(pool=ONE, refused=unknown), unknown).conditions
    assert (ready.reason, ready.message) == ("ClusterUnavailable", "the API server does not answer")


def test_keys_of_another_identity_are_replaced() -> None:
    ledger = a_ledger(a_key())
    o = seen(ledger=ledger, pool=ONE, identity=Identity(team="t"), checks=accepted("active-0"))
    (made,) = only(CreateKey, planned(o).actions)
    assert planned(o).ledger.key(made.name).why == "spec changed"
