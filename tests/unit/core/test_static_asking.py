"""Keys that people make: they are asked to revoke and to replace them, and told when the pool goes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keypool.core.actions import ProbeKey, RemoveFinalizer, RevokeKey
from keypool.core.effective import effective
from keypool.core.history import announcements
from keypool.core.observation import Checked, Problem
from keypool.core.reasons import Reason
from keypool.core.supply import Supply
from tests.unit.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    a_ledger,
    a_pool,
    accepted,
    concluded,
    only,
    planned,
    rejected,
    seen,
)
from tests.unit.core.people import (
    ACTIVE,
    CREATED,
    DRAINING,
    OWED,
    PLAIN,
    STATIC,
    WITHDRAWN,
    after,
    held,
    looked,
    made,
    printed,
    spec,
)

# -- revoking, which people do


@pytest.mark.parametrize(("minutes", "state"), [(9, "draining"), (10, "owed")])
def test_after_the_overlap_people_are_asked_to_revoke(minutes: int, state: str) -> None:
    old = made("a", DRAINING, unpublished_at=NOW - minutes * MINUTE)
    o = looked(old, made("b"), supply=held("b"))
    plan = planned(o)
    assert after(o) == {"a": state, "b": "active"}
    assert not only(RevokeKey, plan.actions)
    told = [(news.kind, news.reason) for news in announcements(plan.ledger.steps)]
    assert told == ([("Warning", Reason.MANUAL_REVOCATION)] if state == "owed" else [])


def test_the_condition_names_the_fingerprints_to_revoke() -> None:
    status = concluded(looked(made("a", OWED), made("b"), supply=held("b")))
    (revoked,) = [condition for condition in status.conditions if condition.type == "Revoked"]
    assert (revoked.status, revoked.reason) == ("False", "ManualRevocation")
    assert printed("a") in revoked.message


@pytest.mark.row("OWED", "ACKNOWLEDGED")
def test_an_acknowledged_key_is_forgotten() -> None:
    """Its word is checked: one rejection is enough."""
    pool = a_pool(spec=spec(), revoked=f"other, {printed('a')}")
    o = looked(made("a", OWED), made("b"), supply=held("b"), pool=pool, checks=rejected("a", times=1))
    assert after(o) == {"b": "active"}


def revoked_as_told(o: Any) -> tuple[str, str, str]:
    """The condition Revoked."""
    [told] = [each for each in concluded(o, *planned(o).problems).conditions if each.type == "Revoked"]
    return told.status, told.reason, told.message


@pytest.mark.parametrize(
    ("accepts", "said"), [(True, "the provider still accepts it"), (False, "the provider was not heard yet about it")]
)
def test_a_key_that_is_said_to_be_revoked_counts_as_live_until_the_provider_rejects_it(
    *, accepts: bool, said: str
) -> None:
    pool = a_pool(spec=spec(), revoked=printed("a"))
    o = looked(made("a", OWED), made("b"), supply=held("b"), pool=pool)
    o = o if accepts else replace(o, checks=accepted("b"))
    assert after(o) == {"a": "owed", "b": "active"}
    status, reason, message = revoked_as_told(o)
    assert (status, reason) == ("False", "ManualRevocation")
    assert message.startswith(f"keypool.dev/revoked names {printed('a')}, and {said}: it counts as live.")
    assert "keypool.dev/abandon=a" in message, "where the provider cannot tell"
    assert f"revoke at the provider: {printed('a')}" in message


def test_a_word_is_believed_where_nobody_can_be_asked() -> None:
    pool = a_pool(spec=spec(), revoked=printed("a"))
    of_before = made("a", OWED, provider="an earlier object")
    assert after(looked(of_before, made("b"), supply=held("b"), pool=pool)) == {"b": "active"}
    gone = Problem(Reason.PROVIDER_NOT_FOUND, "there is none")
    assert after(looked(made("a", OWED), supply=held("b"), pool=pool, provider=None, provider_problem=gone)) == {}


@pytest.mark.parametrize("problem", [None, Problem(Reason.PROVIDER_NOT_READY, "it has not been checked yet")])
def test_a_provider_that_is_not_known_yet_makes_no_word_believed(problem: Problem | None) -> None:
    """As after a start: it may still accept the key."""
    pool = a_pool(spec=spec(), revoked=printed("a"))
    o = looked(made("a", OWED), supply=held("b"), pool=pool, provider=None, provider_problem=problem)
    assert after(o) == {"a": "owed"}
    assert "the provider was not heard yet about it" in revoked_as_told(replace(o, checks={}))[2]


def test_what_people_say_they_revoked_is_asked_about_soon() -> None:
    keys, pool = (made("a", OWED), made("b")), a_pool(spec=spec(), revoked=printed("a"))
    o = looked(*keys, supply=held("b"), pool=pool, checks=accepted("a", "b", at=NOW - MINUTE))
    assert only(ProbeKey, planned(o).actions) == [ProbeKey("a")]


@pytest.mark.parametrize("state", [OWED, DRAINING])
def test_a_typing_error_in_what_is_said_to_be_revoked_is_named_while_a_key_is_on_its_way_out(state: Any) -> None:
    pool = a_pool(spec=spec(), revoked="0123456789ab")
    o = looked(made("a", state, unpublished_at=NOW), made("b"), supply=held("b"), pool=pool)
    [problem] = [each for each in planned(o).problems if each.reason is Reason.REQUEST_UNKNOWN]
    assert "entry 1, 12 characters" in problem.message


def test_a_key_that_the_provider_rejects_again_and_again_is_proven_to_be_revoked() -> None:
    o = looked(made("a", OWED), made("b"), supply=held("b"), checks=rejected("a", times=2))
    assert after(o)["a"] == "owed"
    assert after(replace(o, checks={**accepted("b"), **rejected("a", times=3)})) == {"b": "active"}


@pytest.mark.parametrize("checks", [{}, rejected("a")])
def test_a_key_is_not_forgotten_while_its_value_stands_in_peoples_secret(checks: Any) -> None:
    pool = a_pool(spec=spec(), revoked=printed("a"))
    key = made("a", OWED, asked="compromised")
    assert after(looked(key, made("b"), supply=held("a", "b"), pool=pool, checks=checks))["a"] == "owed"


def test_an_acknowledgement_of_a_published_key_means_nothing_yet() -> None:
    pool = a_pool(spec=spec(), revoked=printed("a"))
    assert after(looked(made("a"), supply=held("a"), pool=pool)) == {"a": "active"}


def test_a_leak_that_names_no_key_is_told_before_all_else() -> None:
    """Whoever reported it must not take it for done, whatever else is wrong."""
    pool = a_pool(spec=spec(), compromised="nobody")
    o = looked(made("a"), supply=Supply("mine", {}, missing="nothing there"), pool=pool)
    told = concluded(o, *planned(o).problems).conditions
    assert [one.reason for one in told if one.type == "Stalled"] == ["CompromisedUnknown"]


# -- age


def test_people_are_asked_in_time_and_nothing_is_withdrawn() -> None:
    given = spec(rotation={"every": "240h", "renewBefore": "24h"})
    o = looked(made("a", created_at=NOW - 9 * DAY), supply=held("a"), pool=a_pool(spec=given))
    (healthy,) = [condition for condition in concluded(o).conditions if condition.type == "Healthy"]
    assert (healthy.status, healthy.reason) == ("False", "KeyAgeing")
    assert f'entry "a" ({printed("a")}) is to be replaced by 2026-11-25' in healthy.message
    assert after(replace(o, checks=accepted("a"))) == {"a": "active"}
    assert planned(o, NOW + 400 * DAY).ledger.key("a").state is ACTIVE


def test_before_that_the_date_is_shown_and_awaited() -> None:
    given = spec(rotation={"every": "240h", "renewBefore": "24h"})
    o = looked(made("a", created_at=NOW - 8 * DAY - 23 * HOUR), supply=held("a"), pool=a_pool(spec=given))
    status = concluded(o)
    assert status.next_rotation.at == NOW + HOUR
    assert status.next_action.startswith("ask to rotate slot 0 at")
    assert status.keys[0].expires_at is None
    assert planned(o).wake_at <= NOW + MINUTE


def test_a_key_of_people_may_get_ninety_days_old_unless_they_say_otherwise() -> None:
    assert effective(spec(), PLAIN).every == timedelta(days=90)
    assert effective(spec(key={"lifetime": "48h"}), PLAIN).every == timedelta(days=2)


def test_nobody_is_asked_sooner_while_there_is_no_provider_to_go_by() -> None:
    """Its object is gone, or its endpoint refused: the defaults of keys that the operator makes are not theirs."""
    o = looked(made("a", created_at=NOW - 2 * DAY), supply=held("a"), provider=None)
    assert "KeyAgeing" not in {condition.reason for condition in concluded(o).conditions}
    assert concluded(o).effective.every == "2160h"


def test_a_requested_rotation_asks_people() -> None:
    o = looked(made("a"), supply=held("a"), pool=a_pool(spec=spec(), rotate="now"))
    marked = replace(o, ledger=planned(o).ledger)
    (healthy,) = [condition for condition in concluded(marked).conditions if condition.type == "Healthy"]
    assert healthy.reason == "KeyAgeing"
    assert "is to be replaced now: add another value" in healthy.message


# -- probing


def test_published_spare_and_owed_keys_are_probed_at_their_interval() -> None:
    keys = (made("a"), made("b", CREATED, 1), made("c", OWED))
    at = NOW - 5 * MINUTE
    checks = accepted("a", "b", "c", at=at)
    assert {a.name for a in only(ProbeKey, planned(looked(*keys, supply=held("a", "b"), checks=checks)).actions)} == {
        "a",
        "b",
        "c",
    }
    checks = accepted("a", "b", "c", at=at + SECOND)
    assert not only(ProbeKey, planned(looked(*keys, supply=held("a", "b"), checks=checks)).actions)


def test_a_rejected_key_is_asked_about_sooner_until_it_is_certain() -> None:
    for times, soon in ((1, True), (3, False)):
        o = looked(made("a"), supply=held("a"), checks={"a": Checked(NOW - 30 * SECOND, False, times)})
        assert bool(only(ProbeKey, planned(o).actions)) is soon


# -- the pool's end


LEFT = (CREATED, ACTIVE, WITHDRAWN, DRAINING, OWED)


@pytest.mark.row("CREATED", "LEFT")
@pytest.mark.row("ACTIVE", "LEFT")
@pytest.mark.row("WITHDRAWN", "LEFT")
@pytest.mark.row("DRAINING", "LEFT")
@pytest.mark.row("OWED", "LEFT")
@pytest.mark.parametrize("policy", ["Revoke", "RevokeAndWait"])
def test_a_deleted_pool_goes_at_once_and_people_are_told_what_lives_on(policy: str) -> None:
    pool = a_pool(spec=spec(deletionPolicy=policy), deleted_at=NOW)
    keys = [made(state.value, state) for state in LEFT]
    plan = planned(seen(*keys, pool=pool, provider=STATIC))
    assert plan.ledger.keys == ()
    assert only(RemoveFinalizer, plan.actions)
    (news,) = announcements(plan.ledger.steps)
    assert (news.kind, news.reason) == ("Warning", Reason.MANUAL_REVOCATION)
    assert all(printed(state.value) in news.note for state in LEFT)


def test_a_pool_that_is_gone_leaves_no_ledger() -> None:
    o = replace(seen(made("a"), provider=STATIC), pool=None, secrets={})
    assert planned(o).ledger.keys == ()


def test_while_the_provider_object_is_gone_nothing_changes() -> None:
    o = looked(made("a"), made("b", CREATED, 1), supply=None, provider=None)
    assert after(o) == {"a": "active", "b": "created"}


def test_the_pool_is_ready_with_as_many_good_values_as_it_wants() -> None:
    o = looked(made("a"), supply=held("a"), ledger=a_ledger(made("a"), satisfied_generation=None))
    assert planned(o).ledger.satisfied_generation == 1
