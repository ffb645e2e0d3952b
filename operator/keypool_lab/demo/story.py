"""What happened during a demo, put together from the simulator's record and the operator's audit log. Pure.

The record is the ground truth for when a key came into being, who ended it, and which key served a request. What the
provider cannot know, when a key was published or replaced, is taken from the audit log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One key; times in seconds since the epoch, None for what did not happen.

    `replaced`: a successor was published. `withdrawn`: keypool noticed that it did not work any more. `outside`: it was
    ended by somebody else.
    """

    letter: str
    fingerprint: str
    created: float
    published: float | None = None
    replaced: float | None = None
    withdrawn: float | None = None
    ended: float | None = None
    outside: bool = False

    @property
    def rotated(self) -> bool:
        """Whether a successor took its place and keypool revoked it then."""
        return self.replaced is not None and self.ended is not None and not self.outside


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the workload; `letter` of the key that it came with, "" for none that ever was."""

    time: float
    letter: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """The beginning of a step of the demo."""

    time: float
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that the pictures show and the summary counts."""

    start: float
    end: float
    lives: Sequence[Life]
    requests: Sequence[Request]
    marks: Sequence[Mark]


def tell_story(record: Object, audit: Iterable[Object], marks: Sequence[Mark], client: str, end: float) -> Story:
    """`record` as the simulator's control tells it, with the calls of kind `use`; `audit`: parsed lines, in order."""
    events = _first_times(audit)
    keys = sorted(record["keys"], key=lambda key: key["created"])
    letters = {key["id"]: _letter(index) for index, key in enumerate(keys)}
    lives = [_life(key, letters[key["id"]], events.get(key["fingerprint"], {})) for key in keys]
    requests = [
        Request(call["time"], letters.get(call["key_id"], ""), call["status"] == 200)
        for call in record["calls"]
        if call["client"] == client
    ]
    return Story(marks[0].time, end, lives, requests, marks)


def _life(key: Object, letter: str, events: Mapping[str, float]) -> Life:
    return Life(
        letter=letter,
        fingerprint=key["fingerprint"],
        created=key["created"],
        published=events.get("active"),
        replaced=events.get("draining"),
        withdrawn=events.get("withdrawn"),
        ended=key["deleted"],
        outside=key["deleted_by"] == "outside",
    )


def _first_times(audit: Iterable[Object]) -> dict[str, dict[str, float]]:
    """When each event first happened to each fingerprint."""
    times: dict[str, dict[str, float]] = {}
    for line in audit:
        at = datetime.fromisoformat(line["time"]).timestamp()
        times.setdefault(line["fingerprint"], {}).setdefault(line["event"], at)
    return times


def _letter(index: int) -> str:
    """A, B, … Z, A1, B1, …"""
    turn, place = divmod(index, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(turn) if turn else "")
