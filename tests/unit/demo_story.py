"""A demo's record as the simulator and the operator tell it, made up: two keys, a rotation, a loss, a limit, a dead
endpoint, a deletion."""

from dataclasses import replace
from typing import Any

from keypool_lab.demo.story import Call, Life, Mark, Story

SENT = 130


def life(letter: str, created: float, ended: float | None, **moments: Any) -> Life:
    """A key that was published half a second after it was created, and ended by keypool."""
    moments = {"published": created + 0.5, **moments}
    return Life(letter=letter, fingerprint=letter.lower() * 12, created=created, ended=ended, **moments)


def calls() -> list[Call]:
    """A and B take turns, then C and D, then C, then C and E; the last 30 at the second endpoint."""
    found = [Call(102 + index / 5, _letter(index), 1 if index < 100 else 2, f"r{index}", 200) for index in range(SENT)]
    refused = [Call(115.1, "D", 1, "r66", 401), Call(121, "E", 1, "r95", 429)]
    return [*found, *refused, Call(122.1, "C", 1, "r101", 200, lost=True)]


def _letter(index: int) -> str:
    pair = "AB" if index < 20 else "CD" if index < 66 else "C" if index < 95 else "CE"
    return pair[index % len(pair)]


def story(**changes: Any) -> Story:
    """Thirty seconds from 100 on, with five keys as in a demo that goes well."""
    lives = (
        life("A", 101, 111, replaced=106.0),
        life("B", 101, 111, replaced=106.0),
        life("C", 105, 129),
        life("D", 105, 115, outside=True, withdrawn=120.0, replaced=121.0),
        life("E", 120, 129),
    )
    marks = [Mark(100, 1, "creation"), Mark(104, 2, "rotation"), Mark(128, 3, "deletion")]
    told = Story(start=100, end=130, lives=lives, calls=calls(), marks=marks, sent=SENT, failures=())
    return replace(told, **changes)
