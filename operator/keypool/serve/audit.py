"""The audit log: one JSON line for everything that happens to a key. There is no field for a key's value."""

import json
import logging
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TextIO

_LONGEST = 500
MOST_WAITING = 20_000
"""Lines that wait for the stream, some 10 MB; what comes then is lost."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """What happened to which key, why, and how it ended.

    `event` is the state that the key came into, how it left the ledger (`revoked`, `outlived`, `cleared`, `not
    created`), or the call that failed (`revoke failed`); `key` the key's upstream name; `fingerprint` 12 hex digits of
    the value's SHA-256, empty when the value is unknown; `why` the evidence for it; `made_for` why the key was made;
    `outcome` `ok` or what went wrong.
    """

    event: str
    namespace: str
    pool: str
    pool_uid: str
    key: str
    fingerprint: str
    provider: str
    why: str
    made_for: str = ""
    outcome: str = "ok"


_FIELDS = tuple(field.name for field in fields(KeyEvent))


class AuditLog:
    """Writes from a thread of its own: a slow reader of the stream stops no event loop. Close it at exit. `lost` counts
    the lines that could not be written; `on_lost` are told of them, perhaps from that thread."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`stream` (default: stdout) stays open; `now` tells the wall clock."""
        self._stream = stream or sys.stdout
        self._now = now
        self.lost, self.on_lost = 0, list[Callable[[int], object]]()
        self._lines: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="audit log", daemon=True)
        self._thread.start()

    def record(self, event: KeyEvent) -> None:
        """Note an event; it is on the stream a moment later, in the order of the calls."""
        self._put({"audit": "key"} | {name: str(getattr(event, name))[:_LONGEST] for name in _FIELDS})

    def opens(self, timeout: float = 5.0) -> bool:
        """Writes a first line; whether it came through. To be asked from a thread."""
        before, written = self.lost, threading.Event()
        self._put({"audit": "opened"})
        self._lines.put(written)
        return written.wait(timeout) and self.lost == before

    def _put(self, told: dict[str, str]) -> None:
        if self._lines.qsize() >= MOST_WAITING:
            self._lose(1, "nobody takes them")
            return
        time = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._lines.put(json.dumps({"time": time} | told) + "\n")

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left, for at most `timeout` seconds."""
        self._lines.put(None)
        self._thread.join(timeout)

    def _write_all(self) -> None:
        going_on = True
        while going_on:
            batch = [self._lines.get()]
            while not self._lines.empty():
                batch.append(self._lines.get())
            going_on = None not in batch
            self._write("".join(line for line in batch if isinstance(line, str)))
            for written in batch:
                if isinstance(written, threading.Event):
                    written.set()

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(text.count("\n"), type(error).__name__)

    def _lose(self, lines: int, why: str) -> None:
        first, self.lost = self.lost == 0, self.lost + lines
        if first or lines > 1 or self.lost % 1000 == 0:
            _log.error("audit lines were lost", extra={"lines": lines, "in_all": self.lost, "error": why})
        for tell in self.on_lost:
            tell(lines)
