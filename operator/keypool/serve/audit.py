"""Writes the audit log: JSON lines on a stream, each leadership's in a chain. There is no field for a key's value."""

import json
import logging
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TextIO

from keypool import __version__
from keypool.core.audit.chain import Chain, alone
from keypool.core.audit.lines import Began, Ended, Line, Lost, Opened, body
from keypool.core.audit.lines import KeyEvent as KeyEvent  # noqa: PLC0414 - what is recorded most

MOST_WAITING = 20_000
"""Lines that wait for the stream, some 20 MB; what comes then is lost."""
_PLACE = "before a leadership"
"""The chain of what is recorded while nobody leads."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Begin:
    """From here on lines are of another leadership."""

    epoch: str
    time: str


_Item = tuple[str, Line] | _Begin | threading.Event | None


class AuditLog:
    """Writes from a thread of its own: a slow reader of the stream stops no event loop. Close it at exit. `lost` counts
    the lines that could not be written; `on_lost` are told of them, perhaps from that thread."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`stream` (default: stdout) stays open; `now` tells the wall clock."""
        self._stream = stream or sys.stdout
        self._now = now
        self.lost, self.on_lost = 0, list[Callable[[int], object]]()
        self._untold, self._counting = 0, threading.Lock()
        self._torn = False
        self._busy_since: float | None = None
        self._chain = Chain(_PLACE)
        self._lines: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="audit log", daemon=True)
        self._thread.start()

    def record(self, line: Line) -> None:
        """Note a line; it is on the stream a moment later, in the order of the calls."""
        if self._lines.qsize() >= MOST_WAITING:
            self._lose(1, "nobody takes them")
            return
        self._lines.put((self._time(), line))

    def begin(self, epoch: str) -> None:
        """A leadership begins: its lines are a chain of their own."""
        self._lines.put(_Begin(epoch, self._time()))

    def end(self) -> None:
        """It ends."""
        self._lines.put(_Begin("", self._time()))

    def opens(self, timeout: float = 5.0) -> bool:
        """Writes a first line; whether it came through. To be asked from a thread."""
        before, written = self.lost, threading.Event()
        self.record(Opened())
        self._lines.put(written)
        return written.wait(timeout) and self.lost == before

    def behind(self) -> float:
        """Seconds for which the stream has not taken what it was given; 0 while it does."""
        since = self._busy_since
        return monotonic() - since if since is not None else 0.0

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left, for at most `timeout` seconds."""
        self._lines.put(None)
        self._thread.join(timeout)

    def _time(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _write_all(self) -> None:
        going_on = True
        while going_on:
            batch = [self._lines.get()]
            while not self._lines.empty():
                batch.append(self._lines.get())
            self._busy_since = monotonic()
            going_on = None not in batch
            self._write([line for item in batch for line in self._made(item)])
            self._busy_since = None
            for written in batch:
                if isinstance(written, threading.Event):
                    written.set()

    def _made(self, item: _Item) -> list[dict[str, object]]:
        try:
            return self._told(item)
        except Exception as error:  # noqa: BLE001 - what nobody foresaw costs a line, and not all that follow
            self._lose(1, type(error).__name__)
            return []

    def _told(self, item: _Item) -> list[dict[str, object]]:
        """The lines that an item makes."""
        if isinstance(item, _Begin):
            return self._begun(item)
        if item is None:
            return self._begun(_Begin("", self._time()))
        if isinstance(item, threading.Event):
            return []
        (time, line), own = item, body(item[1])
        if isinstance(line, Opened):
            return [alone(time, own)]
        first = [] if self._chain.seq else [self._chain.link(time, body(Began(__version__)))]
        return [*first, *self._what_was_lost(time), self._chain.link(time, own)]

    def _begun(self, begin: _Begin) -> list[dict[str, object]]:
        """The end of the chain before, if it has any line, and the beginning of the next one."""
        told = self._what_was_lost(begin.time) if self._chain.seq else []
        told += [self._chain.link(begin.time, body(Ended()))] if self._chain.seq else []
        self._chain = Chain(begin.epoch or _PLACE)
        return [*told, self._chain.link(begin.time, body(Began(__version__)))] if begin.epoch else told

    def _what_was_lost(self, time: str) -> list[dict[str, object]]:
        with self._counting:
            untold, self._untold = self._untold, 0
        return [self._chain.link(time, body(Lost(untold)))] if untold else []

    def _write(self, lines: list[dict[str, object]]) -> None:
        if not lines:
            return
        text = "".join(json.dumps(line) + "\n" for line in lines)
        try:
            self._stream.write(f"\n{text}" if self._torn else text)
            self._stream.flush()
            self._torn = False
        except (OSError, ValueError) as error:
            self._torn = True  # the last line there may be half a one: the next does not go on in it
            again = sum(
                told for line in lines if line["audit"] == Lost.audit and isinstance(told := line["lines"], int)
            )
            self._lose(len(lines), type(error).__name__, again)

    def _lose(self, lines: int, why: str, again: int = 0) -> None:
        """`again`: what the log was to say of lines that were lost before, and now did not."""
        with self._counting:
            first, self.lost = self.lost == 0, self.lost + lines
            self._untold += lines + again
        if first or lines > 1 or self.lost % 1000 == 0:
            _log.error("audit lines were lost", extra={"lines": lines, "in_all": self.lost, "error": why})
        for tell in self.on_lost:
            tell(lines)
