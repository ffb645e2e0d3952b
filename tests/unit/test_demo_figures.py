"""The demo's figures are counted right, and each wrong one is found."""

from dataclasses import replace
from typing import Any

import pytest

from keypool_lab.demo.figures import Figures, Observed, checks, figures
from keypool_lab.demo.story import Story
from tests.unit.demo_story import SENT, life, story


def observed(**changes: Any) -> Observed:
    """What is seen of a demo that goes well."""
    return replace(Observed(always_ready=True, left=(), overlap=5.0), **changes)


def wrong(told: Story, seen: Observed) -> list[str]:
    """The names of the checks that fail."""
    return [check.name for check in checks(told, seen) if not check.right]


def test_a_demo_that_goes_well_is_right_in_everything() -> None:
    """All counts, and no check that fails."""
    of_keys = {"created": 5, "rotated": 2, "revoked": 4, "outside": 1, "live": 0}
    of_requests = {"sent": SENT, "failed": 0, "answered": SENT, "twice": 1, "rejected": 1, "limited": 1}
    assert figures(story()) == Figures(**of_keys, **of_requests)
    assert wrong(story(), observed()) == []


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ({"always_ready": False}, "the pool stayed Ready until its deletion"),
        ({"left": ("Secret chat",)}, "what the pool left in the cluster"),
        ({"overlap": 6.0}, "a replaced key works for 6 s or more"),
    ],
)
def test_what_was_seen_is_checked(seen: dict[str, Any], name: str) -> None:
    """Each observation has one check."""
    assert wrong(story(), observed(**seen)) == [name]


def test_a_request_that_failed_for_the_program_is_a_failure() -> None:
    """Even if the provider carried it out."""
    assert wrong(story(failures=[126.0]), observed()) == ["requests that failed; the program never tries again"]


def test_a_request_that_never_reached_the_provider_is_missed() -> None:
    """The program sent one more than the record has."""
    assert wrong(story(sent=SENT + 1), observed()) == ["requests that the provider carried out"]


def test_a_key_that_served_nothing_is_wrong() -> None:
    """It would not have been shown how one takes the place of another."""
    calls = [replace(call, letter="C") if call.letter == "E" else call for call in story().calls]
    assert wrong(story(calls=calls), observed()) == ["keys that served requests"]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (401, "refusals that the program did not see: of the lost key"),
        (429, "refusals that the program did not see: 429"),
    ],
)
def test_a_trouble_that_the_relay_did_not_meet_is_wrong(status: int, name: str) -> None:
    """Nothing would have been shown."""
    calls = [call for call in story().calls if call.status != status]
    assert wrong(story(calls=calls), observed()) == [name]


def test_an_endpoint_that_nobody_used_is_wrong() -> None:
    """The first one did not die, or the second one did not help."""
    calls = [replace(call, endpoint=1) for call in story().calls]
    assert wrong(story(calls=calls), observed()) == ["requests that the first endpoint served, and the second"]


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
