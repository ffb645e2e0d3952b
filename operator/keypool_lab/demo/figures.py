"""The demo's figures, and whether they are right. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from keypool_lab.demo.story import Life, Story


@dataclass(frozen=True, slots=True)
class Figures:
    """What the simulator's record counts at the end."""

    created: int
    rotated: int
    revoked: int
    outside: int
    live: int
    sent: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen besides the record. `sent` and `failures` by the workload itself; `overlap` in seconds."""

    sent: int
    failures: Sequence[str]
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
    lives = story.lives
    return Figures(
        created=len(lives),
        rotated=sum(life.rotated for life in lives),
        revoked=sum(life.ended is not None and not life.outside for life in lives),
        outside=sum(life.outside for life in lives),
        live=sum(life.ended is None for life in lives),
        sent=len(story.requests),
        failed=sum(not request.ok for request in story.requests),
    )


def checks(story: Story, seen: Observed) -> list[Check]:
    """Everything that makes the demo a success."""
    found = figures(story)
    served = {request.letter for request in story.requests if request.ok}
    overlaps = [_overlap(life) for life in story.lives if life.rotated]
    shortest = min(overlaps, default=0.0)
    reached = f"{found.sent} of {seen.sent}"
    return [
        _equal("keys created: two at first, two by rotation, one to replace the lost spare", found.created, 5),
        _equal("keys rotated", found.rotated, 2),
        _equal("keys revoked by keypool", found.revoked, 4),
        _equal("keys revoked behind its back", found.outside, 1),
        _equal("keys live upstream now", found.live, 0),
        Check("workload requests that reached the provider", reached, found.sent == seen.sent > 0),
        _equal("workload requests that failed", max(found.failed, len(seen.failures)), 0),
        Check("keys that served the workload: one and its successor", ", ".join(sorted(served)), len(served) == 2),
        Check(f"a replaced key works for {seen.overlap:g} s or more", f"{shortest:.1f} s", shortest >= seen.overlap),
        Check("the pool stayed Ready until its deletion", "yes" if seen.always_ready else "no", seen.always_ready),
        Check("what the pool left in the cluster", ", ".join(seen.left) or "nothing", not seen.left),
    ]


def _equal(name: str, found: int, expected: int) -> Check:
    return Check(name, str(found) if found == expected else f"{found}, not {expected}", found == expected)


def _overlap(life: Life) -> float:
    return (life.ended or 0.0) - (life.replaced or 0.0)
