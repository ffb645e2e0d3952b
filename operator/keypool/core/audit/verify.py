"""Verifies an audit log line by line: which lines are missing, changed or out of order, and what is not known. Pure.

A chain without a signature shows what was done to a part of it. Whoever can write the whole file can make it anew: then
only a hash that was noted elsewhere tells, which the file has to have.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from keypool.core.audit.chain import BEGINNING, digest
from keypool.core.audit.reading import LARGEST, Read, Unread, read

MOST_TOLD, MOST_EPOCHS, MOST_GAPS = 100, 10_000, 20
"""Findings that are told one by one; and leaderships that are told apart."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and in which line of the file (from 1); 0: in none."""

    line: int
    what: str

    def __str__(self) -> str:
        """As people read it."""
        return f"line {self.line}: {self.what}" if self.line else self.what


@dataclass(slots=True)
class Epoch:
    """One leadership's chain, as far as it was read: `seq` and `head` of its last line, which is line `last` of the
    file. `cut`: a line that may be this leadership's last one is damaged."""

    name: str
    first: int
    last: int = 0
    lines: int = 0
    seq: int = 0
    head: str = BEGINNING
    began: str = ""
    until: str = ""
    ended: bool = False

    @property
    def number(self) -> int | None:
        """The number of the leadership in the Lease."""
        _, slash, digits = self.name.rpartition("/")
        is_number = bool(slash) and digits.isascii() and digits.isdigit() and len(digits) <= 15
        return int(digits) if is_number else None


@dataclass(slots=True)
class Verification:
    """Feed it every line, in order; then `end`. `wanted`: hashes that have to be there."""

    wanted: set[str] = field(default_factory=set)
    epochs: dict[str, Epoch] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: int = 0
    lines: int = 0
    others: int = 0
    lost: int = 0
    number: int = 0

    def feed(self, text: str) -> None:
        """The next line of the file."""
        self.number += 1
        found = read(text)
        if found is None:
            self.others += 1
        elif isinstance(found, Unread):
            self.lines += 1
            self._find(f"this line {found.why}")
        else:
            self.lines += 1
            self._take(found)

    def _take(self, line: Read) -> None:
        if digest(line.told) != line.hash:
            self._find(f"this line was changed: its hash is not that of what it says ({line.epoch}, seq {line.seq})")
        self.wanted.discard(line.hash)
        if line.audit == "lost":
            self._note_lost(line)
        if not line.epoch:
            if line.audit != "opened":
                self._find("this line stands in no leadership")
            return
        if (epoch := self._epoch_of(line)) is not None:
            self._follow(epoch, line)

    def _note_lost(self, line: Read) -> None:
        count = _number(line.told.get("lines"))
        self.lost += count
        self._find(f"{count} lines before this one could not be written: the log says so itself")

    def _epoch_of(self, line: Read) -> Epoch | None:
        epoch = self.epochs.get(line.epoch)
        if epoch is None and len(self.epochs) >= MOST_EPOCHS:
            self._find(f"more than {MOST_EPOCHS} leaderships: verify the file in parts")
            return None
        if epoch is None:
            epoch = self.epochs[line.epoch] = Epoch(line.epoch, self.number, began=line.time)
        return epoch

    def _follow(self, epoch: Epoch, line: Read) -> None:
        epoch.lines += 1
        if line.seq <= epoch.seq:
            after = epoch.seq
            self._find(f"this line is repeated or out of order: seq {line.seq} after {after} of {epoch.name}")
            return
        if epoch.ended:
            self._find(f"this line comes after the last one of {epoch.name}")
        self._compare(epoch, line, line.seq - epoch.seq - 1)
        epoch.seq, epoch.head, epoch.last, epoch.until = line.seq, line.hash, self.number, line.time
        epoch.ended = line.audit == "ended"

    def _compare(self, epoch: Epoch, line: Read, missing: int) -> None:
        if missing and line.audit == "lost" and missing <= _number(line.told.get("lines")):
            return  # those that it tells of
        if missing:
            where = f"after line {epoch.last}" if epoch.last else "before this line: cut off, or in an earlier file"
            self._find(f"{missing} lines of {epoch.name} are missing {where} (seq {epoch.seq + 1} to {line.seq - 1})")
        elif line.prev != epoch.head:
            before = f"line {epoch.last}, the one before," if epoch.last else "the line before"
            self._find(f"{before} is not the one that was written: its hash is another ({epoch.name}, seq {line.seq})")
        elif line.seq == 1 and line.audit != "began":
            self._find(f"the first line of {epoch.name} is not the one that begins a leadership")

    def end(self) -> "Verification":
        """No line follows."""
        newest = max(self.epochs.values(), key=lambda each: (each.until, each.last), default=None)
        for epoch in self.epochs.values():
            if epoch.ended:
                continue
            text = f"{epoch.name} has no last line: the file has it up to line {epoch.last} (seq {epoch.seq})"
            if epoch is newest:
                self.notes.append(f"{text}. It goes on, was killed, or the rest is cut off")
            else:
                self._find(f"{text}, and a later leadership follows: it was killed, or lines are cut off", 0)
        for first, last in list(_gaps(self.epochs.values()))[:MOST_GAPS]:
            text = f"number {first}" if first == last else f"numbers {first} to {last}"
            self._find(f"no line is there of the leaderships {text}: in another file, or gone", 0)
        for hash_ in sorted(self.wanted):
            self._find(f"no line has the hash {hash_[:16]}…: the log is not the one that had it", 0)
        return self

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.broken

    def _find(self, what: str, line: int | None = None) -> None:
        self.broken += 1
        if len(self.findings) < MOST_TOLD:
            self.findings.append(Finding(self.number if line is None else line, what))


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST else 0


def _gaps(epochs: Iterable[Epoch]) -> Iterable[tuple[int, int]]:
    """Numbers between two that are there."""
    numbers = sorted({each.number for each in epochs if each.number is not None})
    for one, other in pairwise(numbers):
        if other > one + 1:
            yield one + 1, other - 1


def verify(lines: Iterable[str], wanted: Iterable[str] = ()) -> Verification:
    """All of a file."""
    verification = Verification(set(wanted))
    for line in lines:
        verification.feed(line)
    return verification.end()
