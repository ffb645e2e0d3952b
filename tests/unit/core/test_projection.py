"""The published Secrets are a pure projection of the ledger."""

import json
from dataclasses import replace
from typing import Any

import pytest

from keypool.core.lifecycle import KeyState
from keypool.core.projection import choose_primary, project, secret_names, usable
from tests.unit.core.builders import a_key, a_ledger, a_spec, a_view

WITHDRAWN, DRAINING = KeyState.WITHDRAWN, KeyState.DRAINING


def names(ledger: Any) -> Any:
    return [key.name for key in usable(ledger)]


def test_active_keys_are_usable_by_slot() -> None:
    assert names(a_ledger(a_key(1), a_key(0), a_key(0, DRAINING), a_key(1, KeyState.CREATED))) == [
        "active-0",
        "active-1",
    ]


def test_a_withdrawn_key_stays_only_when_it_is_the_last() -> None:
    assert names(a_ledger(a_key(0), a_key(1, WITHDRAWN))) == ["active-0"]
    last = a_ledger(a_key(0, WITHDRAWN), a_key(1, WITHDRAWN), primary="withdrawn-0")
    assert names(last) == ["withdrawn-0"]


def test_without_usable_keys_there_is_no_secret_and_no_primary() -> None:
    ledger = a_ledger(a_key(0, KeyState.CREATED), primary="gone")
    assert project(ledger, a_spec()) == ()
    assert choose_primary(ledger) is None


def test_the_published_secret_holds_the_primary_and_the_base_url_under_the_names_asked_for() -> None:
    spec = a_spec(secret={"keys": {"apiKey": "OPENAI_API_KEY"}}, size=1)
    (web, _) = project(a_ledger(a_key(0), a_key(1), primary="active-1"), spec)
    assert dict(web.data) == {"OPENAI_API_KEY": "sk-active-1", "baseURL": "https://vendor.example/v1"}
    assert json.loads(web.annotations["keypool.dev/handles"]) == {a_key(1).print: "h-active-1"}


def test_the_second_secret_lists_every_usable_key() -> None:
    _, pool, _ = project(a_ledger(a_key(0, requests_per_minute=60), a_key(1)), a_spec())
    listed = json.loads(pool.data["keys.json"])
    assert listed["baseURL"] == "https://vendor.example/v1"
    assert [(key["slot"], key["apiKey"]) for key in listed["keys"]] == [(0, "sk-active-0"), (1, "sk-active-1")]
    assert listed["keys"][0]["limits"] == {"requestsPerMinute": 60}


def test_all_names_are_claimed_at_every_size() -> None:
    assert tuple(secret_names("web", a_spec(size=1))) == ("web", "web-pool", "web-relay")
    assert tuple(secret_names("web", a_spec(secret={"name": "a", "poolName": "b"}))) == ("a", "b", "web-relay")


def test_our_labels_and_annotations_win_over_those_of_the_spec() -> None:
    spec = a_spec(secret={"labels": {"keypool.dev/pool-uid": "x", "team": "a"}})
    (web, *_) = project(a_ledger(a_key(0)), spec)
    assert (web.labels["keypool.dev/pool-uid"], web.labels["team"]) == ("pool-1", "a")


def test_no_repr_shows_a_value() -> None:
    assert "sk-active-0" not in repr(project(a_ledger(a_key(0)), a_spec()))


DIFFERENT = {
    "other bytes": {"digests": {"apiKey": "00"}},
    "one entry more": {"digests": {"apiKey": "00", "baseURL": "00", "x": "00"}},
    "a label of ours is gone": {"labels": {}},
    "an older revision": {"annotations": {"keypool.dev/ledger-revision": "4"}},
    "a label that we no longer want": {"managed_labels": frozenset({"old"})},
}


@pytest.mark.parametrize("facts", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_a_secret_that_differs_is_noticed(facts: Any) -> None:
    (web, *_) = project(a_ledger(a_key(0)), a_spec())
    assert not web.equals(a_view(web, **facts))


def test_labels_and_annotations_of_others_do_not_count() -> None:
    (web, *_) = project(a_ledger(a_key(0)), a_spec())
    view = a_view(web)
    others = replace(view, labels={**view.labels, "theirs": "x"}, annotations={**view.annotations, "theirs": "x"})
    assert web.equals(view)
    assert web.equals(others)
