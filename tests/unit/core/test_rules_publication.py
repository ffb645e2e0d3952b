"""Publication: what the Secrets hold, when the primary moves, and what counts as having been published."""

import json
from dataclasses import replace
from typing import Any

import pytest

from keypool.core.actions import PublishSecrets
from keypool.core.decision import Plan
from keypool.core.effective import effective
from keypool.core.lifecycle import KeyState
from keypool.core.projection import project
from keypool.core.rules import publication as rules
from tests.unit.core.builders import (
    FOREIGN,
    HOUR,
    MINUTE,
    NAMING,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    decide,
    only,
    planned,
    rejected,
    seen,
    states,
    written,
)

ACTIVE, CREATED, DRAINING, WITHDRAWN = KeyState.ACTIVE, KeyState.CREATED, KeyState.DRAINING, KeyState.WITHDRAWN
ONE = a_pool(spec=a_spec(size=1))


def tampered(o: Any) -> Any:
    """The same, with other bytes in the published Secret."""
    web = replace(o.secrets["web"], digests={"apiKey": "00"})
    return replace(o, secrets={**o.secrets, "web": web})


@pytest.mark.row("ACTIVE", "SLOT_GONE")
@pytest.mark.row("WITHDRAWN", "SLOT_GONE")
def test_shrinking_drains_the_keys_of_removed_slots() -> None:
    o = seen(a_key(0), a_key(1), a_key(2, WITHDRAWN), pool=ONE)
    after = decide(rules.keys_without_a_slot_leave, o).ledger
    assert states(after) == {"active-0": "active", "active-1": "draining", "withdrawn-2": "draining"}


def test_shrinking_keeps_a_removed_slots_key_while_no_other_is_active() -> None:
    o = seen(a_key(0, WITHDRAWN), a_key(1), pool=ONE)
    assert decide(rules.keys_without_a_slot_leave, o).ledger is None


def test_a_suspended_pool_keeps_the_keys_of_removed_slots() -> None:
    o = seen(a_key(0), a_key(1), pool=a_pool(spec=a_spec(size=1, suspend=True)))
    assert decide(rules.keys_without_a_slot_leave, o).ledger is None


@pytest.mark.parametrize("facts", [{"slot": 5}, {"template": "other"}])
@pytest.mark.row("CREATED", "UNWANTED")
def test_a_new_key_that_nobody_wants_any_more_is_revoked(facts: Any) -> None:
    o = seen(a_key(**{"slot": 0, "state": CREATED, "name": "new", **facts}))
    after = decide(rules.unwanted_new_keys_are_revoked, o).ledger
    assert (states(after), after.rejected_in_a_row) == ({"new": "revoking"}, 0)


def test_a_new_key_that_expired_before_it_was_proven_counts_as_rejected() -> None:
    o = seen(a_key(0, CREATED, expires_at=NOW))
    after = decide(rules.unwanted_new_keys_are_revoked, o).ledger
    assert (states(after), after.rejected_in_a_row) == ({"created-0": "revoking"}, 1)


@pytest.mark.row("CREATED", "REJECTED_NEW")
def test_a_new_key_is_revoked_when_it_is_rejected_after_the_activation_lag() -> None:
    o = seen(a_key(0, CREATED, created_at=NOW - 5 * SECOND), checks=rejected("created-0", times=1))
    after = decide(rules.rejected_new_keys_are_revoked, o).ledger
    assert (states(after), after.rejected_in_a_row) == ({"created-0": "revoking"}, 1)


@pytest.mark.parametrize("provider", ["known", "gone"])
def test_a_new_key_may_be_rejected_within_the_activation_lag(provider: Any) -> None:
    o = seen(a_key(0, CREATED, created_at=NOW - 4 * SECOND), checks=rejected("created-0"))
    o = o if provider == "known" else replace(o, provider=None)
    after = decide(rules.rejected_new_keys_are_revoked, o).ledger
    assert after is None or states(after) == {"created-0": "created"}


@pytest.mark.row("CREATED", "PROVEN")
@pytest.mark.row("ACTIVE", "SUPERSEDED")
@pytest.mark.row("WITHDRAWN", "SUPERSEDED")
def test_a_proven_key_takes_its_slot_and_its_predecessors_drain() -> None:
    keys = (a_key(0, WITHDRAWN), a_key(0), a_key(0, CREATED), a_key(1))
    o = seen(ledger=a_ledger(*keys, rejected_in_a_row=2), checks=accepted("created-0"))
    after = decide(rules.proven_keys_take_their_slot, o).ledger
    drained = {"withdrawn-0": "draining", "active-0": "draining", "created-0": "active", "active-1": "active"}
    assert (states(after), after.rejected_in_a_row) == (drained, 0)


@pytest.mark.parametrize("checks", [{}, rejected("created-0", times=1)], ids=["not probed", "rejected"])
def test_a_new_key_without_a_good_probe_is_not_published(checks: Any) -> None:
    o = seen(a_key(0, CREATED), checks=checks)
    assert states(decide(rules.proven_keys_take_their_slot, o).ledger)["created-0"] == "created"


def test_no_key_takes_its_slot_while_the_secrets_cannot_be_written() -> None:
    o = seen(a_key(0), a_key(0, CREATED), checks=accepted("created-0"), secret_problem=FOREIGN)
    assert decide(rules.proven_keys_take_their_slot, o).ledger is None


def test_the_base_url_is_that_of_the_provider_of_the_primary() -> None:
    o = seen(ledger=a_ledger(a_key(0, CREATED), base_url=""), checks=accepted("created-0"))
    assert planned(o).ledger.base_url == "https://vendor.example/v1"


NEAR, FAR, ELSEWHERE = "https://vendor.example/v1", "https://us.vendor.example/v1", "https://old.example/v1"


@pytest.mark.parametrize(
    ("follows", "in_use", "published", "then"),
    [
        (False, FAR, NEAR, NEAR),
        (False, FAR, FAR, NEAR),
        (True, FAR, NEAR, FAR),
        (True, NEAR, FAR, NEAR),
        (True, None, FAR, FAR),
        (True, None, ELSEWHERE, NEAR),
        (True, None, "", NEAR),
    ],
    ids=[
        "it stays",
        "it stops following",
        "it follows",
        "it returns",
        "not known yet: it stays where it is",
        "not known yet, and of another provider",
        "not known yet, and nothing published",
    ],
)
def test_the_base_url_follows_the_endpoint_in_use_only_where_the_pool_asks(
    follows: bool, in_use: str | None, published: str, then: str
) -> None:
    provider = replace(PROVIDER, base_urls=(NEAR, FAR), url_in_use=in_use)
    pool = a_pool(spec=a_spec(secret={"followEndpoint": follows}))
    o = seen(ledger=a_ledger(a_key(0), a_key(1), base_url=published), pool=pool, provider=provider)
    assert planned(o).ledger.base_url == then


def test_the_primary_stays_while_its_key_does() -> None:
    o = seen(ledger=a_ledger(a_key(0), a_key(1), primary="active-1"))
    after = decide(rules.the_primary_is_chosen, o).ledger
    assert (after.primary, after.publication) == ("active-1", 5)


def test_the_primary_moves_to_its_successor_in_the_slot() -> None:
    keys = (a_key(0, name="spare"), a_key(1, DRAINING, name="old"), a_key(1, name="new"))
    o = seen(ledger=a_ledger(*keys, primary="old"))
    after = decide(rules.the_primary_is_chosen, o).ledger
    assert (after.primary, after.publication) == ("new", 8)


def test_the_primary_moves_to_the_lowest_slot_when_its_own_is_gone() -> None:
    o = seen(ledger=a_ledger(a_key(1), a_key(0), a_key(4, DRAINING), primary="draining-4"))
    assert decide(rules.the_primary_is_chosen, o).ledger.primary == "active-0"


def test_an_edited_secret_is_repaired_and_the_overlap_starts_anew() -> None:
    o = tampered(seen(a_key(0), a_key(0, DRAINING), a_key(1)))
    decision = decide(rules.secrets_follow_the_ledger, o)
    (publish,) = only(PublishSecrets, decision.actions)
    assert ([secret.name for secret in publish.write], publish.repair) == (["web"], True)
    assert decision.ledger.key("draining-0").unpublished_at is None


def test_a_deleted_secret_is_written_again_and_nothing_drains_anew() -> None:
    o = seen(a_key(0), a_key(0, DRAINING), a_key(1))
    o = replace(o, secrets={"web-pool": o.secrets["web-pool"]})
    decision = decide(rules.secrets_follow_the_ledger, o)
    assert only(PublishSecrets, decision.actions)[0].repair
    assert decision.ledger.key("draining-0").unpublished_at == NOW - MINUTE


def test_the_overlap_starts_anew_also_when_a_rotation_coincides_with_the_edit() -> None:
    before = a_ledger(a_key(0), a_key(0, DRAINING), a_key(1))
    o = tampered(seen(ledger=before))
    rotated = before.model_copy(update={"keys": (*before.keys, a_key(1, name="new")), "publication": 8})
    decision: Any = rules.secrets_follow_the_ledger(o, Plan(rotated), NOW)
    assert decision.ledger.key("draining-0").unpublished_at is None


def test_a_rotation_alone_does_not_let_others_drain_anew() -> None:
    before = a_ledger(a_key(0), a_key(0, DRAINING), a_key(1))
    rotated = before.model_copy(update={"keys": (*before.keys, a_key(2, name="new")), "publication": 8})
    decision: Any = rules.secrets_follow_the_ledger(seen(ledger=before), Plan(rotated), NOW)
    assert decision.ledger.key("draining-0").unpublished_at == NOW - MINUTE
    assert not only(PublishSecrets, decision.actions)[0].repair


def test_a_change_of_the_spec_is_no_repair() -> None:
    pool = a_pool(generation=2, spec=a_spec(secret={"labels": {"team": "a"}}))
    o = replace(seen(a_key(0), a_key(1)), pool=pool)
    assert [action.repair for action in decide(rules.secrets_follow_the_ledger, o).actions] == [False]


def test_a_suspended_pool_repairs_its_secrets() -> None:
    o = tampered(seen(a_key(0), a_key(1), pool=a_pool(spec=a_spec(suspend=True))))
    assert only(PublishSecrets, decide(rules.secrets_follow_the_ledger, o).actions)


def test_the_second_secret_goes_when_one_slot_is_left() -> None:
    both = written(a_ledger(a_key(0)), a_spec())
    (publish,) = decide(rules.secrets_follow_the_ledger, seen(a_key(0), pool=ONE, secrets=both)).actions
    assert (publish.write, publish.remove) == ((), ("web-pool",))


def test_nothing_is_recorded_as_published_while_writing_the_secrets_waits() -> None:
    key = a_key(0, published_at=None)
    o = seen(key, a_key(0, DRAINING, unpublished_at=None), pool=ONE, secrets={}, wait_until={"publish": NOW + MINUTE})
    assert decide(rules.secrets_follow_the_ledger, o).actions == ()
    decision = decide(rules.publication_is_recorded, o)
    assert (decision.ledger, decision.wake_at) == (None, NOW + MINUTE)


def test_a_publication_that_was_seen_is_recorded_with_its_generation() -> None:
    keys = (a_key(0, DRAINING, unpublished_at=None), a_key(0, published_at=None), a_key(1))
    o = seen(ledger=a_ledger(*keys, satisfied_generation=None))
    after = decide(rules.publication_is_recorded, o).ledger
    assert after.key("active-0").published_at == NOW
    assert after.key("draining-0").unpublished_at == NOW
    assert after.satisfied_generation == 1


def test_a_generation_is_not_satisfied_before_every_slot_is_current() -> None:
    for other in (a_key(1, template="old"), a_key(1, CREATED)):
        o = seen(ledger=a_ledger(a_key(0), other, satisfied_generation=None))
        assert decide(rules.publication_is_recorded, o).ledger.satisfied_generation is None, other


def test_a_generation_is_not_satisfied_while_the_provider_is_unknown() -> None:
    o = seen(ledger=a_ledger(a_key(0), a_key(1), satisfied_generation=None), provider=None)
    assert decide(rules.publication_is_recorded, o).ledger.satisfied_generation is None


def test_a_withdrawn_key_that_is_shown_again_counts_its_overlap_anew() -> None:
    key = a_key(0, WITHDRAWN, published_at=None, unpublished_at=NOW - HOUR)
    after = decide(rules.publication_is_recorded, seen(key, pool=ONE)).ledger.keys[0]
    assert (after.published_at, after.unpublished_at) == (NOW, None)


def test_no_key_is_published_with_the_url_of_another_provider() -> None:
    """The provider object was made anew with another endpoint, and the slots move there one after the other."""
    elsewhere = replace(PROVIDER, uid="provider-2", base_url="https://elsewhere.example/v1")
    template = effective(a_spec(), NAMING).template(elsewhere.uid)
    new = [a_key(slot, KeyState.CREATED, provider=elsewhere.uid, template=template) for slot in (0, 1)]
    first = planned(seen(a_key(0), a_key(1), new[1], provider=elsewhere, checks=accepted("created-1"))).ledger
    assert urls_and_values(first) == {PROVIDER.base_url: {"sk-active-0"}}
    both = first.model_copy(update={"keys": (*first.keys, new[0])})
    last = planned(seen(ledger=both, provider=elsewhere, checks=accepted("created-0", "created-1"))).ledger
    assert urls_and_values(last) == {elsewhere.base_url: {"sk-created-0", "sk-created-1"}}


def urls_and_values(ledger: Any) -> dict[str, set[str]]:
    """Base URL to the values that stand beside it in a published Secret."""
    single, balanced, told = project(ledger, a_spec())
    shown: dict[str, set[str]] = {single.data["baseURL"]: {single.data["apiKey"]}}
    content = json.loads(balanced.data["keys.json"])
    shown.setdefault(content["baseURL"], set()).update(key["apiKey"] for key in content["keys"])
    content = json.loads(told.data["keys.json"])
    (endpoint,) = content["endpoints"]
    shown.setdefault(endpoint["bases"]["openai"], set()).update(key["value"] for key in content["keys"])
    return shown
