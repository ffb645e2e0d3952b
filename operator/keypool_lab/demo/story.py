"""What happened during a demo, put together from the simulator's record and the operator's audit log. Pure.

The record is the ground truth for when a key came into being, who ended it, and which key served a request. What the
provider cannot know, when a key was published or replaced, is taken from the audit log; whether a request failed is
what the program says that sent it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase
from typing import Any

Object = Mapping[str, Any]
ENDPOINTS = ("1", "0")
"""What the simulator calls the provider's endpoints, the preferred one first."""


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
class Call:
    """One call of the relay at the provider, with the `letter` of its key. `endpoint`: 1 for the preferred one.
    `request` is the same for all calls of one request. `lost`: it was carried out, and nobody was there any more to
    take the answer."""

    time: float
    letter: str
    endpoint: int
    request: str
    status: int
    lost: bool = False

    @property
    def served(self) -> bool:
        """Whether its answer went out."""
        return self.status == 200 and not self.lost


@dataclass(frozen=True, slots=True)
class Mark:
    """The beginning of a step of the demo."""

    time: float
    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that the pictures show and the summary counts. `sent` and `failures`, with the time of each, are what
    the program counted."""

    start: float
    end: float
    lives: Sequence[Life]
    calls: Sequence[Call]
    marks: Sequence[Mark]
    sent: int
    failures: Sequence[float]


@dataclass(frozen=True, slots=True)
class Program:
    """The program that sent the requests: its User-Agent, and what it counted."""

    client: str
    sent: int
    failures: Sequence[float]


def tell_story(record: Object, audit: Iterable[Object], marks: Sequence[Mark], program: Program, end: float) -> Story:
    """`record` as the simulator's control tells it, with the calls of kind `use`; `audit`: parsed lines, in order."""
    events = _first_times(audit)
    keys = sorted(record["keys"], key=lambda key: key["created"])
    letters: dict[str | None, str] = {key["id"]: _letter(index) for index, key in enumerate(keys)}
    # The provider does not know the value of a key that is gone: it was the one that it lost.
    letters[None] = next((letters[key["id"]] for key in keys if key["deleted_by"] == "outside"), "")
    return Story(
        start=marks[0].time,
        end=end,
        lives=[_life(key, letters[key["id"]], events.get(key["fingerprint"], {})) for key in keys],
        calls=[_call(call, letters) for call in record["calls"] if call["client"] == program.client],
        marks=marks,
        sent=program.sent,
        failures=program.failures,
    )


def _call(call: Object, letters: Mapping[str | None, str]) -> Call:
    throttled = call["fault"] == "throttle"
    return Call(
        time=call["time"],
        letter=letters[call["key_id"]],
        endpoint=ENDPOINTS.index(call["endpoint"]) + 1,
        request=call["identity"],
        status=429 if throttled else call["status"] or 0,
        lost=call["status"] == 200 and not call["served"],
    )


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
