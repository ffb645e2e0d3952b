"""Splits an event stream into events, wherever its bytes are cut."""

from dataclasses import dataclass, field

EVENT_LIMIT = 256 * 1024
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; its data is never looked into here."""

    name: bytes
    """Empty where the stream gives none."""
    data: bytes = field(repr=False)


class Splitter:
    """Bytes in, events out. Lines end in LF, CR or CRLF; an event ends at an empty line, and has data."""

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._partial: list[bytes] = []
        self._after_cr = False
        self._first = True
        self._size = 0
        self._name = b""
        self._data: list[bytes] = []
        self.too_long = False
        """An event was longer than the limit: there are no more events."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that end in this chunk."""
        events: list[Event] = []
        for line in self._lines(chunk):
            if not line:
                self._dispatch(events)
            else:
                self._take(line)
        if self._size > self._limit:
            self.too_long = True
            self._partial.clear()
            self._data.clear()
        return events

    def _lines(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk or self.too_long:
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        last = b"" if chunk.endswith((b"\n", b"\r")) else lines.pop()
        if lines:
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial.clear()
        if last:
            self._partial.append(last)
        self._size += len(chunk)
        if self._first and lines:
            self._first = False
            lines[0] = lines[0].removeprefix(_BOM)
        return lines

    def _take(self, line: bytes) -> None:
        """A comment begins with a colon, so that its name is empty."""
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.removeprefix(b" ")

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(self._name, b"\n".join(self._data)))
        self._name, self._data, self._size = b"", [], 0
