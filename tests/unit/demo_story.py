"""A demo's record as the simulator and the operator tell it, made up: two keys, a rotation, a loss, a deletion."""

from dataclasses import replace
from typing import Any

from keypool_lab.demo.story import Life, Mark, Request, Story

CLIENT = "demo-workload"


def life(letter: str, created: float, ended: float | None, **moments: Any) -> Life:
    """A key that was published half a second after it was created, and ended by keypool."""
    moments = {"published": created + 0.5, **moments}
    return Life(letter=letter, fingerprint=letter.lower() * 12, created=created, ended=ended, **moments)


def story(**changes: Any) -> Story:
    """Thirty seconds from 100 on, with five keys as in a demo that goes well."""
    lives = (
        life("A", 101, 111, replaced=106.0),
        life("B", 101, 111, replaced=106.0),
        life("C", 105, 129),
        life("D", 105, 115, outside=True, withdrawn=120.0, replaced=121.0),
        life("E", 120, 129),
    )
    requests = [Request(102 + index / 5, "A" if index < 20 else "C", ok=True) for index in range(120)]
    marks = [Mark(100, 1, "creation"), Mark(104, 2, "rotation"), Mark(128, 3, "deletion")]
    return replace(Story(100, 130, lives, requests, marks), **changes)
