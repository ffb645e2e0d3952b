"""Limits follow the spec in place where the provider can; elsewhere a change makes new keys."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from keypool.core.actions import CreateKey, UpdateKey
from keypool.core.ledger import dump, limit_facts, load
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Limits, SpendLimit
from keypool.core.projection import project
from keypool.core.rules import limits, publication
from tests.unit.core.builders import (
    ABLE,
    DOWN,
    NAMING,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    decide,
    only,
    planned,
    seen,
)

SIXTY = a_pool(generation=2, spec=a_spec(key={"rateLimit": {"requestsPerMinute": 60}}))
BORN = seen(provider=ABLE).template


def keys(**facts: Any) -> Any:
    """Two active keys of the provider's template."""
    return [a_key(slot, template=BORN, **facts) for slot in range(2)]


def test_active_keys_with_other_limits_get_them_in_place_and_none_is_made() -> None:
    decided = planned(seen(*keys(), provider=ABLE, pool=SIXTY))
    assert only(UpdateKey, decided.actions) == [UpdateKey("active-0"), UpdateKey("active-1")]
    assert not only(CreateKey, decided.actions)


def test_the_generation_is_satisfied_when_the_limits_are_in_force() -> None:
    for rate, satisfied in ((None, 1), (60, 2)):
        o = seen(*keys(requests_per_minute=rate), provider=ABLE, pool=SIXTY)
        after = decide(publication.publication_is_recorded, o).ledger
        assert after.satisfied_generation == satisfied


def test_keys_with_the_right_limits_are_left_alone() -> None:
    assert not decide(
        limits.limits_follow_the_spec, seen(*keys(requests_per_minute=60), provider=ABLE, pool=SIXTY)
    ).actions


def test_a_limit_that_is_taken_off_the_spec_is_taken_off_the_keys() -> None:
    o = seen(*keys(requests_per_minute=60), provider=ABLE)
    assert len(decide(limits.limits_follow_the_spec, o).actions) == 2


def test_where_the_provider_cannot_a_change_of_limits_rotates() -> None:
    provider = replace(PROVIDER, capabilities=replace(NAMING, sets_rate_limit=True))
    o = seen(a_key(0), a_key(1), provider=provider, pool=SIXTY)
    assert not decide(limits.limits_follow_the_spec, o).actions
    assert only(CreateKey, planned(o).actions)


def test_a_limit_that_the_provider_lacks_is_not_asked_for() -> None:
    cannot = replace(ABLE, capabilities=replace(ABLE.capabilities, sets_rate_limit=False))
    assert not decide(limits.limits_follow_the_spec, seen(*keys(), provider=cannot, pool=SIXTY)).actions


@pytest.mark.parametrize(
    "facts",
    [{"provider_problem": DOWN}, {"wait_until": {f"update:active-{slot}": NOW + SECOND for slot in range(2)}}],
    ids=["the provider is down", "the last call failed"],
)
def test_limits_are_not_changed_while(facts: Any) -> None:
    assert not decide(limits.limits_follow_the_spec, seen(*keys(), provider=ABLE, pool=SIXTY, **facts)).actions


def test_only_active_keys_of_this_provider_are_changed() -> None:
    others = (a_key(0, KeyState.DRAINING), a_key(1, provider="another"))
    assert not decide(limits.limits_follow_the_spec, seen(*others, provider=ABLE, pool=SIXTY)).actions


def test_a_key_that_was_made_with_what_its_slot_had_left_gets_the_whole_limit_with_the_next_period() -> None:
    spec = a_spec(key={"spendLimit": {"amount": "10", "period": "Daily"}})
    capable = replace(ABLE, capabilities=replace(ABLE.capabilities, sets_spend_limit=True))
    midnight = NOW.replace(hour=0)
    left = {"spend_limit": SpendLimit(Decimal(4), "Daily"), "carried": Decimal(6), "carried_in": midnight}
    o = seen(a_key(0, template=BORN, **left), provider=capable, pool=a_pool(spec=spec))
    assert not decide(limits.limits_follow_the_spec, o).actions
    tomorrow = midnight + timedelta(days=1)
    assert decide(limits.limits_follow_the_spec, o, now=tomorrow).actions == (UpdateKey("active-0"),)


def test_whether_keys_share_a_limit_is_theirs_from_birth() -> None:
    limit = {"amount": "10", "period": "Daily"}
    own, shared = (
        seen(provider=ABLE, pool=a_pool(spec=a_spec(key={"spendLimit": {**limit, "scope": scope}}))).template
        for scope in ("Key", "Pool")
    )
    assert own == BORN != shared


LIMITS = Limits(60, SpendLimit(Decimal("12.50"), "Daily"), ("m-1", "m-2"))


def test_a_ledger_remembers_the_limits_of_each_key() -> None:
    ledger = a_ledger(a_key(0, **limit_facts(LIMITS)), a_key(1))
    assert [key.limits for key in load(dump(ledger)).keys] == [LIMITS, Limits()]


def test_the_second_secret_shows_the_limits_in_force_and_what_they_count_for() -> None:
    for per in ("key", "account"):
        ledger = a_ledger(a_key(0, **limit_facts(LIMITS)), a_key(1), limits_per=per)
        first, second = json.loads(project(ledger, a_spec())[1].data["keys.json"])["keys"]
        spend = {"amount": "12.50", "period": "Daily"}
        assert first["limits"] == {"requestsPerMinute": 60, "spend": spend, "models": ["m-1", "m-2"]}
        assert (first["limitsPer"], second["limits"]) == (per, {})


def test_limits_that_count_for_the_account_are_recorded_and_published_anew() -> None:
    shared = replace(PROVIDER, capabilities=replace(NAMING, limits_account=True))
    o = seen(a_key(0), a_key(1), provider=shared)
    after = decide(publication.the_primary_is_chosen, o).ledger
    assert (after.limits_per, after.publication) == ("account", o.ledger.revision + 1)
