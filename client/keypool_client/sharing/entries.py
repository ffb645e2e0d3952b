"""One entry of the store: a verdict as JSON, in the store's time. What is read is foreign, and bounded."""

import json
from dataclasses import replace
from typing import Any

from keypool_client.policy.verdicts import MODEL, About, Verdict

MOST_BYTES = 1024
MOST_NAME = 253
MOST_MS = 10**14
"""The year 5138: no time has more digits."""
_TEXTS = ("account", "name", "model")
_FIELDS = frozenset({"about", *_TEXTS, "since", "until"})


class Malformed(ValueError):
    """It is no entry. The text does not repeat it."""


def dump(verdict: Verdict, moved: float) -> bytes:
    """`moved`: what is to be added to monotonic seconds for the store's."""
    told = {name: getattr(verdict, name) for name in ("about", *_TEXTS)}
    times = {name: int((getattr(verdict, name) + moved) * 1000) for name in ("since", "until")}
    return json.dumps(told | times, separators=(",", ":")).encode()


def parse(pool: str, raw: bytes) -> Verdict:
    """The verdict, in seconds of the store's clock. Raises Malformed."""
    if len(raw) > MOST_BYTES:
        raise Malformed(f"larger than {MOST_BYTES} bytes")
    told = _object(raw)
    if told.keys() != _FIELDS:
        raise Malformed("other fields than an entry's")
    texts = [_text(told[name]) for name in _TEXTS]
    if told["about"] not in tuple(About) or not MODEL.fullmatch(texts[2]):
        raise Malformed("about something else")
    since, until = _time(told["since"]), _time(told["until"])
    return Verdict(About(told["about"]), pool, texts[0], texts[1], texts[2], since, until)


def moved(verdict: Verdict, seconds: float) -> Verdict:
    """The same in the time of another clock."""
    return replace(verdict, since=verdict.since + seconds, until=verdict.until + seconds)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("no JSON") from None
    if not isinstance(told, dict):
        raise Malformed("no object")
    return told


def _text(told: object) -> str:
    if not isinstance(told, str) or len(told) > MOST_NAME:
        raise Malformed("a name is none")
    return told


def _time(told: object) -> float:
    if type(told) is not int or not 0 <= told < MOST_MS:  # True is an int, too
        raise Malformed("a time is none")
    return told / 1000
