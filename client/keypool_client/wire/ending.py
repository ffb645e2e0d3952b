"""Watches a stream that goes to the client: does it end as its dialect ends, or was it cut?

It scans bytes and parses nothing: a mark is the name of a field, whose quotes are never written so within a text.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from keypool_client.model import Dialect
from keypool_client.wire.calls import Call
from keypool_client.wire.errors import Code, error_of

LINE_HELD = 64 * 1024
"""Bytes of an unfinished line that wait for its end, so that a break never leaves half an event with the client."""
_LOOKED_BACK = 256
# Looked for in every chunk, since finding fixed bytes costs next to nothing; then the patterns judge.
_SIGNS: Mapping[Dialect, tuple[bytes, ...]] = {
    "openai": (b'_reason":"', b'_reason": "'),
    "anthropic": (b"message_stop",),
    "gemini": (b"finishReason",),
}
_SIGNS_OF_RESPONSES = (b"response.completed", b"response.failed", b"response.incomplete")
_ERROR = rb'|(?:\A|[\r\n])(?:event: ?error[\r\n]|data: ?\{\s?"error": ?[{"])'
_ENDS: Mapping[Dialect, re.Pattern[bytes]] = {
    "openai": re.compile(
        rb'(?:\A|[\r\n])data: ?\[DONE\]|"type": ?"response\.(?:completed|failed|incomplete)"' + _ERROR
    ),
    "anthropic": re.compile(rb'"type": ?"message_stop"' + _ERROR),
    "gemini": re.compile(rb'"finishReason": ?"(?!FINISH_REASON_UNSPECIFIED)|"blockReason": ?"' + _ERROR),
}
_FINISHES = re.compile(rb'"(?:finish|stop)_reason": ?"')
"""Some gateways leave out the last event: where the transfer was whole, this is an end as well."""
_LINE_END = re.compile(rb"\r\n|\r|\n")
MESSAGE = "the provider's answer was cut; what came before is not all of it"


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of a stream."""

    clean: bool
    """False: after `last`, end the transfer so that the client sees a cut."""
    last: bytes = field(repr=False)
    """What is to be sent before."""


class Ending:
    """Feed it all that goes to the client, from the first byte on, and send what it returns."""

    def __init__(self, dialect: Dialect, call: Call | None = None) -> None:
        self._dialect, self._call = dialect, call
        family: Dialect = "openai" if dialect == "azure" else dialect
        self._signs = _SIGNS_OF_RESPONSES if call is Call.RESPONSES else _SIGNS[family]
        self._ends = _ENDS[family]
        self._ended = self._finished = self._torn = False
        self._before = self._sent = b""
        self._line: list[bytes] = []
        self._waiting = 0

    def feed(self, chunk: bytes) -> bytes:
        """What to send now: all whole lines. Nearly always that is the chunk itself."""
        if self._line or self._torn or not chunk.endswith(b"\n"):
            chunk = self._whole_lines(chunk)
            if not chunk:
                return chunk
        if not self._ended:
            for sign in self._signs:
                if sign in chunk:
                    self._judge(chunk)
                    break
        self._before, self._sent = self._sent, chunk
        return chunk

    def close(self, *, whole: bool) -> Closed:
        """The stream ended; `whole`: the transfer did too, as its framing says. No more is fed after this."""
        # The last events are looked at once more: what stands there alone is not looked for in every chunk.
        self._judge(self._before + self._sent)
        last = b"".join(self._line)
        if whole and not self._torn and (not last or _is_complete(last)):
            self._judge(last + b"\n")
            if self._ended or self._finished:
                return Closed(True, last)
        return Closed(True, b"") if self._ended else Closed(False, self._joint() + self._error())

    def _judge(self, seen: bytes) -> None:
        self._ended = self._ended or self._ends.search(seen) is not None
        self._finished = self._finished or _FINISHES.search(seen) is not None

    def _whole_lines(self, chunk: bytes) -> bytes:
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if not end:
            self._line.append(chunk)
            self._waiting += len(chunk)
            if self._waiting <= LINE_HELD:
                return b""
            self._torn = True
            end = len(chunk)
            chunk = b""
        else:
            self._torn = False
        out = b"".join([*self._line, chunk[:end]])
        self._line = [rest] if (rest := chunk[end:]) else []
        self._waiting = len(rest)
        return out

    def _joint(self) -> bytes:
        """What ends the event of which the client has a part, so that the error is an event of its own.

        After a name alone nothing does: the error takes the name's place.
        """
        if self._torn:
            return b"\n\n"
        lines = _LINE_END.split((self._before + self._sent)[-_LOOKED_BACK:])
        for line in reversed(lines[:-1]):
            if not line:
                return b""
            if not line.startswith((b"event:", b"id:", b"retry:", b":")):
                return b"\n"
        return b""

    def _error(self) -> bytes:
        error = error_of(self._dialect, Code.BROKEN_STREAM, MESSAGE)
        if self._call is Call.RESPONSES:
            # Flat for SDKs that know the event, nested for those that look for an error in every event.
            error = {**error["error"], **error, "type": "error", "sequence_number": 0}
        name = b"event: error\n" if self._dialect == "anthropic" or self._call is Call.RESPONSES else b""
        return name + b"data: " + json.dumps(error).encode() + b"\n\n"


def _is_complete(line: bytes) -> bool:
    """Whether a last line without an end says all that it was to say."""
    name, _, value = line.partition(b":")
    if name != b"data":
        return True
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return value.strip() == b"[DONE]"
    return True
