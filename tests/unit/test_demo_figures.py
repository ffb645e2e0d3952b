"""The demo's figures are counted right, and each wrong one is found."""

from dataclasses import replace
from typing import Any

import pytest

from keypool_lab.demo.figures import Figures, Observed, checks, figures
from keypool_lab.demo.story import Request, Story
from tests.unit.demo_story import life, story


def observed(**changes: Any) -> Observed:
    """What is seen of a demo that goes well."""
    return replace(Observed(sent=120, failures=(), always_ready=True, left=(), overlap=5.0), **changes)


def wrong(told: Story, seen: Observed) -> list[str]:
    """The names of the checks that fail."""
    return [check.name for check in checks(told, seen) if not check.right]


def test_a_demo_that_goes_well_is_right_in_everything() -> None:
    """All counts, and no check that fails."""
    assert figures(story()) == Figures(created=5, rotated=2, revoked=4, outside=1, live=0, sent=120, failed=0)
    assert wrong(story(), observed()) == []


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ({"failures": ("status 401",)}, "workload requests that failed"),
        ({"sent": 121}, "workload requests that reached the provider"),
        ({"always_ready": False}, "the pool stayed Ready until its deletion"),
        ({"left": ("Secret chat",)}, "what the pool left in the cluster"),
        ({"overlap": 6.0}, "a replaced key works for 6 s or more"),
    ],
)
def test_what_was_seen_is_checked(seen: dict[str, Any], name: str) -> None:
    """Each observation has one check."""
    assert wrong(story(), observed(**seen)) == [name]


def test_a_request_that_the_provider_refused_is_a_failure() -> None:
    """Even if the workload did not notice."""
    requests = [*story().requests[:-1], Request(126, "C", ok=False)]
    assert wrong(story(requests=requests), observed()) == ["workload requests that failed"]


def test_a_workload_that_never_saw_the_new_key_is_wrong() -> None:
    """The rotation would not have been shown."""
    requests = [Request(request.time, "A", ok=True) for request in story().requests]
    assert wrong(story(requests=requests), observed()) == ["keys that served the workload: one and its successor"]


def test_a_key_that_is_still_live_is_wrong() -> None:
    """It is not revoked, and lives."""
    lives = [*story().lives[:-1], life("E", 120, None)]
    names = ["keys revoked by keypool", "keys live upstream now"]
    assert wrong(story(lives=lives), observed()) == names


def test_a_check_that_fails_tells_what_was_expected() -> None:
    """So that one need not look it up."""
    lives = [*story().lives[:-1], life("E", 120, None)]
    found = {check.name: check.found for check in checks(story(lives=lives), observed())}
    assert found["keys live upstream now"] == "1, not 0"
