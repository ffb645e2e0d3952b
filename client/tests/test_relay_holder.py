"""Which keys a pod holds, what of that is told, and when."""

import json
from math import inf

import pytest

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.relay import holder, pacing
from keypool_client.relay.holder import Held, Holding, Told, is_urgent, key_holder, place
from keypool_client.relay.pacing import Pace

ENDPOINT = Endpoint("0", {"openai": "https://api.example.com/v1"})


def key(name: str, value: str = "") -> Key:
    return Key(name, value or f"sk-canary-{name}", ("0",), name, "one")


def pool(*keys: str | Key, name: str = "team-a/chat") -> Pool:
    made = tuple(key(each) if isinstance(each, str) else each for each in keys)
    return Pool(name, "holySheep", "one", ("openai",), (ENDPOINT,), made)


def named(told: Told) -> dict[str, list[str]]:
    return {name: [each.id for each in keys] for name, keys in told.items()}


@pytest.fixture
def holding() -> Holding:
    """One key, read at second 100."""
    made = Holding()
    made.update([pool("chat-0")], 100.0)
    return made


CHAT_0 = place("team-a/chat", key("chat-0"))


def test_a_key_is_held_from_when_the_file_had_it_first(holding: Holding) -> None:
    holding.update([pool("chat-0", "chat-1")], 200.0)
    assert holding.told("team-a") == {"chat": (Held("chat-0", 100.0), Held("chat-1", 200.0))}


def test_a_key_that_left_the_file_is_held_until_its_last_request_ends(holding: Holding) -> None:
    holding.began(CHAT_0, 110.0)
    holding.began(CHAT_0, 111.0)
    holding.update([pool("chat-1")], 200.0)
    holding.ended(CHAT_0)
    assert named(holding.told("team-a")) == {"chat": ["chat-0", "chat-1"]}
    holding.ended(CHAT_0)
    assert holding.told("team-a") == {"chat": (Held("chat-1", 200.0),)}


def test_a_request_that_ends_takes_no_key_away_that_is_in_the_file(holding: Holding) -> None:
    holding.began(CHAT_0, 110.0)
    holding.ended(CHAT_0)
    holding.ended(CHAT_0)
    assert holding.told("team-a") == {"chat": (Held("chat-0", 100.0),)}


def test_a_pool_whose_keys_all_left_is_told_without_keys(holding: Holding) -> None:
    holding.update([pool()], 200.0)
    assert holding.told("team-a") == {"chat": ()}


def test_a_rejection_is_told_since_the_first_one_and_goes_with_the_key(holding: Holding) -> None:
    holding.rejected(CHAT_0, 150.0)
    holding.rejected(CHAT_0, 160.0)
    assert holding.told("team-a") == {"chat": (Held("chat-0", 100.0, 150.0),)}
    holding.update([pool("chat-1")], 200.0)
    holding.update([pool("chat-0")], 300.0)
    assert holding.told("team-a") == {"chat": (Held("chat-0", 300.0),)}


def test_another_value_under_the_same_id_is_another_key(holding: Holding) -> None:
    holding.rejected(CHAT_0, 150.0)
    holding.update([pool(key("chat-0", "sk-canary-new"))], 200.0)
    assert holding.told("team-a") == {"chat": (Held("chat-0", 200.0),)}


@pytest.mark.parametrize(("began", "over"), [(159.0, False), (209.0, False), (210.0, True)])
def test_a_success_ends_a_rejection_a_minute_after_the_last_one_and_not_sooner(
    began: float, over: bool, holding: Holding
) -> None:
    """A provider whose servers do not agree must not have it written each second."""
    holding.rejected(CHAT_0, 100.0)
    holding.rejected(CHAT_0, 150.0)
    holding.accepted(CHAT_0, began)
    assert holding.told("team-a") == {"chat": (Held("chat-0", 100.0, None if over else 100.0),)}


def test_what_is_not_held_is_not_told_as_rejected(holding: Holding) -> None:
    holding.rejected(place("team-a/chat", key("gone")), 150.0)
    assert named(holding.told("team-a")) == {"chat": ["chat-0"]}


def test_pools_of_other_namespaces_are_not_told(holding: Holding) -> None:
    """A KeyHolder speaks of pools beside it."""
    holding.update([pool("chat-0"), pool("x-0", name="team-b/x")], 100.0)
    assert named(holding.told("team-a")) == {"chat": ["chat-0"]}
    assert named(holding.told(None)) == {"chat": ["chat-0"], "x": ["x-0"]}
    assert holding.told("team-c") == {}


def test_of_too_many_keys_rejected_ones_are_told_first_then_those_in_use_that_left_the_file(holding: Holding) -> None:
    old = place("team-a/chat", key("old"))
    holding.update([pool("old")], 100.0)
    holding.began(old, 110.0)
    many = [f"k-{number:02}" for number in range(40)]
    holding.update([pool(*many)], 200.0)
    holding.rejected(place("team-a/chat", key("k-39")), 210.0)
    assert holding.count == 41
    assert named(holding.told("team-a")) == {"chat": [*many[:14], "k-39", "old"]}


def test_of_too_many_pools_the_first_ones_are_told_and_a_rejected_key_comes_before(holding: Holding) -> None:
    pools = [pool(f"{name}-0", name=f"team-a/{name}") for name in "edcba"]
    holding.update(pools, 200.0)
    assert set(holding.told("team-a")) == set("edcb")
    holding.rejected(place("team-a/a", key("a-0")), 210.0)
    assert set(holding.told("team-a")) == set("aedc")


def test_what_would_not_fit_the_resource_is_left_out(holding: Holding) -> None:
    holding.update(
        [pool("k" * 129, "k" * 128), pool("a", name="team-a/Chat"), pool("b", name="team-a/" + "b" * 254)], 1.0
    )
    assert named(holding.told("team-a")) == {"chat": ["k" * 128]}


def test_two_files_of_one_pool_are_one_pool(holding: Holding) -> None:
    holding.update([pool("chat-0"), pool(key("chat-0", "sk-canary-b"), "chat-1")], 200.0)
    assert named(holding.told("team-a")) == {"chat": ["chat-0", "chat-1"]}


def test_changes_are_announced_and_requests_are_not(holding: Holding) -> None:
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1

    holding.changed = hear
    holding.began(CHAT_0, 1.0)
    holding.ended(CHAT_0)
    holding.accepted(CHAT_0, 1.0)
    assert heard == 0
    holding.rejected(CHAT_0, 2.0)
    holding.rejected(CHAT_0, 3.0)
    assert heard == 1


def test_the_object_is_named_after_its_pod_and_owned_by_it_alone() -> None:
    told = {"chat": (Held("chat-0", 0.0), Held("chat-1", 86400.5, 86461.9))}
    made = key_holder("web-0", "uid-1", told)
    assert made["metadata"] == {
        "name": "web-0",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "uid-1"}],
    }
    chat_1 = {"id": "chat-1", "since": "1970-01-02T00:00:00Z", "rejected": "1970-01-02T00:01:01Z"}
    chat_0 = {"id": "chat-0", "since": "1970-01-01T00:00:00Z"}
    assert made["spec"] == {
        "pools": [{"name": "chat", "keys": [chat_0, chat_1]}],
        "summary": {"pools": "chat", "keys": 2, "rejected": 1, "ids": "chat-0, chat-1"},
    }


def test_even_the_longest_names_fit_the_columns_of_kubectl() -> None:
    keys = tuple(Held(f"{number:0>128}", 0.0) for number in range(4))
    summary = key_holder("w", "u", {f"{number:0>253}": keys for number in range(4)})["spec"]["summary"]
    assert (len(summary["pools"]), len(summary["ids"]), summary["keys"]) == (1018, 2078, 16)


def test_no_value_is_in_what_is_told(holding: Holding) -> None:
    holding.rejected(CHAT_0, 150.0)
    told = holding.told("team-a")
    assert "sk-canary" not in repr(told) + json.dumps(key_holder("web-0", "u", told))


def test_only_a_rejection_that_was_not_told_is_urgent() -> None:
    calm, bad = {"chat": (Held("a", 1.0),)}, {"chat": (Held("a", 1.0, 2.0),)}
    assert not is_urgent({}, calm)
    assert is_urgent({}, bad)
    assert is_urgent(calm, bad)
    assert not is_urgent(bad, bad)
    assert not is_urgent(bad, calm)
    assert is_urgent(bad, {"other": bad["chat"]})


@pytest.fixture
def pace() -> Pace:
    """Started at second 1000; chance says one half."""
    return Pace(1000.0, lambda: 0.5)


def wants(pace: Pace, now: float, *, urgent: bool = False) -> float:
    pace.wanted(now, differs=True, urgent=urgent)
    return pace.report_at()


def test_the_first_report_comes_fifteen_seconds_after_the_start(pace: Pace) -> None:
    """A Job that is shorter writes none."""
    assert wants(pace, 1000.0) == wants(pace, 1004.0) == 1015.0


def test_a_change_is_told_within_ten_seconds_from_the_first_one(pace: Pace) -> None:
    pace.written(1015.0)
    assert wants(pace, 1100.0) == wants(pace, 1103.0) == 1105.0


def test_nothing_is_told_where_nothing_differs_any_more(pace: Pace) -> None:
    pace.written(1015.0)
    wants(pace, 1100.0)
    pace.wanted(1101.0, differs=False, urgent=False)
    assert pace.report_at() == inf


def test_a_rejection_is_told_at_once_and_once_a_second_at_most(pace: Pace) -> None:
    assert wants(pace, 1001.0, urgent=True) == 1001.0
    pace.written(1001.1)
    assert wants(pace, 1001.2, urgent=True) == pytest.approx(1002.1)


def test_after_failures_the_pauses_grow_to_a_minute_and_a_success_ends_that(pace: Pace) -> None:
    wants(pace, 1015.0)
    pauses = []
    for _ in range(9):
        pace.failed(2000.0, refused=False)
        pauses.append(pace.report_at() - 2000.0)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    pace.written(2000.0)
    wants(pace, 3000.0)
    pace.failed(3000.0, refused=False)
    assert wants(pace, 3000.0, urgent=True) == 3001.0


def test_after_a_refusal_even_a_rejection_waits_ten_minutes(pace: Pace) -> None:
    """Nobody but an administrator can end it."""
    wants(pace, 1015.0)
    pace.failed(1015.0, refused=True)
    assert wants(pace, 1016.0, urgent=True) == 1615.0


@pytest.mark.parametrize(("draw", "least", "most"), [(0.0, 450.0, 450.0), (0.999, 740.0, 750.0)])
def test_pods_that_fail_together_do_not_come_back_together(draw: float, least: float, most: float) -> None:
    pace = Pace(0.0, lambda: draw)
    pace.failed(100.0, refused=True)
    assert least <= wants(pace, 100.0, urgent=True) - 100.0 <= most


def test_whether_the_object_is_there_is_looked_at_every_ten_minutes_once_it_was_written(pace: Pace) -> None:
    assert pace.look_at() == inf
    pace.written(1015.0)
    assert pace.look_at() == 1615.0
    pace.looked(1615.0)
    assert pace.look_at() == 2215.0


def test_the_bounds_are_those_of_the_resource() -> None:
    assert (holder.MOST_KEYS, holder.MOST_POOLS, holder.LONGEST_ID) == (16, 4, 128)
    assert (pacing.FIRST_SECONDS, pacing.SPREAD_SECONDS, pacing.BETWEEN_SECONDS) == (15.0, 10.0, 1.0)
