"""Whoever asks for new keys again and again gets one a minute for each slot, and is told; leaks do not wait for it."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.cluster.cache import ObjectCache
from keypool.cluster.sizes import Sizes
from keypool.core.actions import CreateKey, RevokeKey
from keypool.core.lifecycle import KeyState
from keypool.core.limits import NO_IDENTITY
from keypool.core.observation import Problem
from keypool.core.pace import FLOOR, FREE, TIMES, WINDOW, LastKeys
from keypool.core.reasons import Reason
from keypool.core.rotation import Why
from keypool.reconcile.memory import Memory
from keypool.reconcile.pace import Pace, asked_of, place_of
from tests.unit.core.builders import (
    NAMING,
    NOW,
    PROVIDER,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    concluded,
    only,
    planned,
    seen,
)

ONE = a_pool(spec=a_spec(size=1))
JUST_NOW = NOW - timedelta(seconds=5)


def asked(asked_for: str, made_for: str = "slot empty", at: datetime = JUST_NOW, **facts: Any) -> Any:
    """A pool whose published key was made `at` then, for one reason, and is to be replaced for another."""
    key = a_key(0, why=made_for, created_at=at, intended_at=at, published_at=at, asked=asked_for)
    return seen(key, pool=ONE, checks=accepted(key.name), **facts)


def creates(o: Any, now: datetime = NOW) -> int:
    return len(only(CreateKey, planned(o, now).actions))


@pytest.mark.parametrize("reason", ["requested", "compromised"])
def test_a_slot_that_just_got_a_key_on_request_gets_the_next_one_a_minute_later(reason: str) -> None:
    o = asked(reason, made_for=reason)
    assert creates(o) == 0
    assert planned(o).wake_at == JUST_NOW + FLOOR
    assert creates(o, JUST_NOW + FLOOR) == 1


@pytest.mark.parametrize("reason", ["requested", "compromised"])
def test_the_first_request_is_honoured_at_once(reason: str) -> None:
    assert creates(asked(reason)) == 1


def test_a_rotation_on_request_never_uses_up_the_turn_of_a_leak() -> None:
    assert creates(asked("compromised", made_for="requested")) == 1
    assert creates(asked("requested", made_for="compromised")) == 0


def test_a_slot_whose_keys_are_taken_away_again_and_again_is_filled_once_a_minute() -> None:
    last_keys = {0: LastKeys(lost=JUST_NOW)}
    assert creates(seen(pool=ONE, last_keys=last_keys)) == 0
    assert creates(seen(pool=ONE, last_keys=last_keys), JUST_NOW + FLOOR) == 1
    assert creates(seen(pool=ONE)) == 1


def test_a_leak_is_revoked_without_a_successor_whatever_waits() -> None:
    key = a_key(0, why="compromised", created_at=JUST_NOW, published_at=JUST_NOW, asked="compromised", at_once=True)
    decided = planned(seen(key, pool=ONE, last_keys={0: LastKeys(lost=JUST_NOW)}, room=0))
    assert [each.state for each in decided.ledger.keys] == [KeyState.REVOKING] or only(RevokeKey, decided.actions)


def test_what_waits_is_told_with_the_time_of_its_turn() -> None:
    o = asked("requested", made_for="requested")
    told = {each.type: each for each in concluded(o, *planned(o).problems).conditions}
    assert told["Reconciling"].reason == "NewKeysPaced"
    assert f"slot 0 gets its next one at {JUST_NOW + FLOOR:%H:%M:%S}Z" in told["Reconciling"].message
    assert told["Ready"].status == "True"


def test_a_namespace_without_room_gets_no_more_keys_but_for_leaks_and_is_told() -> None:
    assert creates(asked("requested", room=0)) == 0
    assert planned(asked("requested", room=0)).wake_at <= NOW + timedelta(seconds=30)
    assert creates(asked("requested", room=1)) == 1
    assert creates(asked("compromised", room=0)) == 1
    told = concluded(asked("requested", room=0)).conditions
    assert {each.reason for each in told if each.type == "Reconciling"} == {"NewKeysPaced"}


def test_an_emptied_slot_counts_and_one_that_never_had_a_key_does_not() -> None:
    memory, key = Memory(), a_key(0, why="slot empty")
    memory.made(key, NOW, again=False)
    assert memory.last_keys == {0: LastKeys()}
    memory.emptied.add(0)
    memory.made(key, NOW, again=False)
    assert memory.last_keys == {0: LastKeys(lost=NOW)}


def test_a_namespace_may_make_its_keys_twice_in_ten_minutes_and_some_more() -> None:
    clock, sizes = [NOW], Sizes()
    pace = Pace(cast("ObjectCache", SimpleNamespace(sizes=sizes)), lambda: clock[0])
    sizes.set("a", "shop", 10)
    assert pace.room("shop") == TIMES * 10 + FREE
    for _ in range(TIMES * 10 + FREE + 5):
        pace.made("shop", Why.REQUESTED)
    assert (pace.room("shop"), pace.room("bank")) == (0, FREE)
    sizes.drop("a")
    clock[0] += WINDOW
    assert pace.room("shop") == FREE


def test_what_a_slot_gets_in_its_time_uses_up_nothing_of_what_people_may_ask_for() -> None:
    pace = Pace(cast("ObjectCache", SimpleNamespace(sizes=Sizes())), lambda: NOW)
    for why in (Why.INTERVAL, Why.EXPIRY, Why.REJECTED, Why.COMPROMISED):
        pace.made("shop", why)
    assert pace.room("shop") == FREE


def test_a_namespace_that_is_not_asked_about_any_more_is_forgotten() -> None:
    clock = [NOW]
    pace = Pace(cast("ObjectCache", SimpleNamespace(sizes=Sizes())), lambda: clock[0])
    for number in range(500):
        pace.made(f"gone-{number}", Why.SLOT_EMPTY)
    clock[0] += WINDOW
    pace.made("shop", Why.SLOT_EMPTY)
    assert pace.known() == {"shop"}


def test_a_pool_whose_namespace_has_room_for_a_part_of_its_keys_says_how_many_wait() -> None:
    o = seen(pool=a_pool(spec=a_spec(size=5)), room=2)
    assert creates(o) == 2
    told = {each.type: each for each in concluded(o).conditions}
    assert told["Reconciling"].reason == "NewKeysPaced"
    assert "3 keys of this pool wait" in told["Reconciling"].message


def test_a_pool_that_gets_none_any_more_or_moves_to_another_account_counts_once() -> None:
    sizes = Sizes()
    for place, size in (("shop", 10), ("shop", 3), ("shop/wide-1", 5)):
        sizes.set("a", place, size)
    assert (sizes.of("shop"), sizes.of("shop/wide-1")) == (0, 5)
    sizes.set("a", "shop/wide-1", 0)
    assert sizes.of("shop/wide-1") == 0


OURS = replace(PROVIDER, capabilities=replace(NAMING, creates_keys=True))
PEOPLE = replace(PROVIDER, capabilities=replace(NAMING, creates_keys=False))
GETS_NONE: dict[str, tuple[Any, Any, Any]] = {
    "too many for its tenant": (a_pool(), OURS, Problem(Reason.TENANT_LIMIT, "too many")),
    "of no tenant": (a_pool(), OURS, Problem(Reason.NOT_A_TENANT, "nobody")),
    "without an identity": (a_pool(), OURS, Problem(Reason.TENANT_IDENTITY, "no label")),
    "of a namespace that owes too much": (a_pool(), OURS, Problem(Reason.KEYS_OWED, "owed", stalls=False)),
    "suspended": (a_pool(spec=a_spec(size=50, suspend=True)), OURS, NO_IDENTITY),
    "unreadable": (a_pool(spec=None), OURS, NO_IDENTITY),
    "of no provider": (a_pool(), None, NO_IDENTITY),
    "with keys that people make": (a_pool(), PEOPLE, NO_IDENTITY),
}


@pytest.mark.parametrize("which", GETS_NONE)
def test_a_pool_that_gets_no_keys_gives_its_namespace_no_room_for_more(which: str) -> None:
    assert asked_of(*GETS_NONE[which]) == 0


def test_an_admitted_pool_gives_room_by_its_size_and_trouble_in_the_cluster_takes_none() -> None:
    admitted = a_pool(spec=a_spec(size=7))
    assert asked_of(admitted, OURS, NO_IDENTITY) == 7
    assert asked_of(admitted, OURS, Problem(Reason.CLUSTER_UNAVAILABLE, "labels", stalls=False)) is None


def test_pools_of_a_namespaces_own_providers_give_it_no_room_in_an_account_that_it_shares() -> None:
    wide = a_pool(spec=a_spec(providerRef={"kind": "ClusterKeyProvider", "name": "vendor"}))
    assert place_of(a_pool(), a_ledger(), OURS) == "shop"
    assert place_of(wide, a_ledger(), OURS) == f"shop/{OURS.uid}"
