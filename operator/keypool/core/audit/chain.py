"""The chain of one leadership's lines: each names the one before by its hash, so that none can go unnoticed. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

VERSION = 1
BEGINNING = "0" * 64
"""What stands for the line before the first one."""


def digest(line: Mapping[str, object]) -> str:
    """SHA-256 of all that a line says but its own hash. However it was written since: order and spaces do not count."""
    told = {name: value for name, value in line.items() if name != "hash"}
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(slots=True)
class Chain:
    """`head` is the hash of the last line, `seq` its number."""

    epoch: str
    seq: int = 0
    head: str = BEGINNING

    def link(self, time: str, body: Mapping[str, object]) -> dict[str, object]:
        """The next line; it counts as written."""
        line = _line(time, body, self.epoch, self.seq + 1, self.head)
        self.seq, self.head = self.seq + 1, str(line["hash"])
        return line


def alone(time: str, body: Mapping[str, object]) -> dict[str, object]:
    """A line of no leadership."""
    return _line(time, body, "", 0, BEGINNING)


def _line(time: str, body: Mapping[str, object], epoch: str, seq: int, prev: str) -> dict[str, object]:
    line: dict[str, object] = {"time": time, **body, "v": VERSION, "epoch": epoch, "seq": seq, "prev": prev}
    return {**line, "hash": digest(line)}
