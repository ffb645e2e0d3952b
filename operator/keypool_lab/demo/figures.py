"""The demo's figures, and whether they are right. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from keypool_lab.demo.story import Life, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is counted at the end: by the simulator's record, but for `sent` and `failed`, which the program counted.

    `answered`: requests that were carried out. `twice`: calls that did again what was done before, because the endpoint
    died under the first one. `rejected` and `limited`: refusals that the relay met, of unknown keys and by limits.
    """

    created: int
    rotated: int
    revoked: int
    outside: int
    live: int
    sent: int
    failed: int
    answered: int
    twice: int
    rejected: int
    limited: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen besides. `overlap` in seconds."""

    always_ready: bool
    left: Sequence[str]
    overlap: float


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be so; `found` is how it is."""

    name: str
    found: str
    right: bool


def figures(story: Story) -> Figures:
    """Counts."""
    lives, carried_out = story.lives, Counter(call.request for call in story.calls if call.status == 200)
    refused = Counter(call.status for call in story.calls)
    return Figures(
        created=len(lives),
        rotated=sum(life.rotated for life in lives),
        revoked=sum(life.ended is not None and not life.outside for life in lives),
        outside=sum(life.outside for life in lives),
        live=sum(life.ended is None for life in lives),
        sent=story.sent,
        failed=len(story.failures),
        answered=len(carried_out),
        twice=carried_out.total() - len(carried_out),
        rejected=refused[401],
        limited=refused[429],
    )


def checks(story: Story, seen: Observed) -> list[Check]:
    """Everything that makes the demo a success."""
    return [*_of_keys(story, seen), *_of_requests(story)]


def _of_keys(story: Story, seen: Observed) -> list[Check]:
    found = figures(story)
    shortest = min((_overlap(life) for life in story.lives if life.rotated), default=0.0)
    return [
        _equal("keys created: two at first, two by rotation, one to replace the lost one", found.created, 5),
        _equal("keys rotated", found.rotated, 2),
        _equal("keys revoked by keypool", found.revoked, 4),
        _equal("keys revoked behind its back", found.outside, 1),
        _equal("keys live upstream now", found.live, 0),
        Check(f"a replaced key works for {seen.overlap:g} s or more", f"{shortest:.1f} s", shortest >= seen.overlap),
        Check("the pool stayed Ready until its deletion", "yes" if seen.always_ready else "no", seen.always_ready),
        Check("what the pool left in the cluster", ", ".join(seen.left) or "nothing", not seen.left),
    ]


def _of_requests(story: Story) -> list[Check]:
    found = figures(story)
    letters = sorted({call.letter for call in story.calls if call.served})
    first, second = (sum(call.served and call.endpoint == number for call in story.calls) for number in (1, 2))
    return [
        Check("keys that served requests", ", ".join(letters), letters == sorted(life.letter for life in story.lives)),
        Check("requests that the first endpoint served, and the second", f"{first}, {second}", min(first, second) > 0),
        _some("refusals that the program did not see: of the lost key", found.rejected),
        _some("refusals that the program did not see: 429", found.limited),
        Check("requests that the provider carried out", f"{found.answered} of {found.sent}", _all_answered(story)),
        _equal("requests that failed; the program never tries again", found.failed, 0),
    ]


def _all_answered(story: Story) -> bool:
    return figures(story).answered == story.sent > 0


def _equal(name: str, found: int, expected: int) -> Check:
    return Check(name, str(found) if found == expected else f"{found}, not {expected}", found == expected)


def _some(name: str, found: int) -> Check:
    return Check(name, str(found), found > 0)


def _overlap(life: Life) -> float:
    return (life.ended or 0.0) - (life.replaced or 0.0)
