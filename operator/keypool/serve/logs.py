"""Structured logs: one JSON object per line on stderr, without control characters and without anybody's bodies."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LONGEST = 2000
_CLOSED = ("Connector is closed", "TCP closed; will re-authenticate")
_AGAIN = re.compile(r"Request attempt #(?!1\b)\d+\b.* failed; will retry")
_REPR = re.compile(r"[\r\n{]|\bb['\"]|exception=")


def describe(error: BaseException) -> str:
    """One line about an exception that is safe to log.

    Our own errors are written to hold no secret, so their message is kept. Of others only the type and the place in
    our code is told: parsers and clients quote what they were given.
    """
    kind = type(error)
    if kind.__module__.partition(".")[0] == "keypool":
        return f"{kind.__name__}: {error}"
    places = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place in places if "keypool" in place[0].parts] or places
    place = f" at {ours[-1][0].name}:{ours[-1][1]}" if ours else ""
    return f"{kind.__module__}.{kind.__name__}{place}"


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, and whatever our own calls gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON; json escapes control characters, so that nobody forges a line."""
        ours = record.name.partition(".")[0] == "keypool"
        message = record.getMessage()
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": (message if ours else without_bodies(message))[:_LONGEST],
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["error"] = describe(record.exc_info[1])
        if ours:
            entry |= {key: _plain(value) for key, value in vars(record).items() if key not in _STANDARD}
        return json.dumps(entry)


def without_bodies(message: str) -> str:
    """A library's message up to its first line break, brace or bytes literal.

    Kopf and asyncio print whole objects, answers and exceptions as Python reprs; what stands before them is their own
    wording. Pure.
    """
    return _REPR.split(message, maxsplit=1)[0].rstrip(" :(")


def is_news(record: logging.LogRecord) -> bool:
    """False for what Kopf calls an error when its session is closed under a request, and for the second and later
    attempts at one request.

    We close it, at the end and when the credential changes; Kopf asks again, or ends. Attempts go on for as long as a
    right is missing; that is told once, and in /readyz. Pure.
    """
    message = record.getMessage() if record.name.partition(".")[0] == "kopf" else ""
    return not any(closed in message for closed in _CLOSED) and not _AGAIN.match(message)


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of the process, as JSON lines, to `stream` (stderr): ours from `level`, libraries' from WARNING."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(is_news)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("keypool").setLevel(level.upper())
    for library in ("kopf", "aiohttp", "httpx", "asyncio", "kubernetes", "kubernetes_asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | bool | None) else str(value)[:_LONGEST]
