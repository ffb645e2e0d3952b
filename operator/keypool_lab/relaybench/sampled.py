"""`python -m keypool_lab.relaybench.sampled FILE`: the relay; at its end FILE says what its CPU time went into.

Every two milliseconds of CPU time somebody looks where it is: the innermost function that belongs to a part counts.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from keypool_client.cli import main

EVERY = 0.002
LOOP = "the event loop, and all else"
PARTS = (
    (("wire/urls", "wire/guard", "wire/targets", "wire/calls"), "where a request goes, and who may ask"),
    (("wire/headers", "wire/echo", "relay/asked"), "headers, and the key in them"),
    (("wire/requests", "relay/bodies"), "the request's body: held and read"),
    (("wire/whole", "relay/answers"), "the answer: held and checked"),
    (("wire/", "relay/streams"), "streams"),
    (("policy/",), "the policy: which key, what next"),
    (("relay/metrics", "relay/usage"), "metrics, and tokens"),
    (("relay/holder",), "who holds which key"),
    (("relay/main",), LOOP),
    (("relay/",), "all else of the relay"),
)
LIBRARY = (
    (("aiohttp/client", "aiohttp/connector"), "aiohttp: to and from the provider"),
    (("aiohttp/web",), "aiohttp: from and to the client"),
)
counts: Counter[str] = Counter()


def part_of(frame: FrameType | None) -> str:
    """The part that a place in the program belongs to; what is no part's own, such as sending, is its caller's."""
    while frame is not None:
        path = frame.f_code.co_filename
        parts = PARTS if "/keypool_client/" in path else LIBRARY if "/aiohttp/" in path else ()
        for marks, name in parts:
            if any(mark in path for mark in marks):
                return name
        frame = frame.f_back
    return LOOP


def _look(_: int, frame: FrameType | None) -> None:
    counts[part_of(frame)] += 1


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, _look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    code = main(["relay"])
    signal.setitimer(signal.ITIMER_PROF, 0)
    Path(sys.argv[1]).write_text(json.dumps(counts))
    sys.exit(code)
