"""`python -m keypool audit`: verifies an audit log, and answers questions about it. Reads files, asks no cluster."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, TextIO

from keypool.core.audit.asking import BadQuestion, condition, lives, shown
from keypool.core.audit.reading import LONGEST_LINE, Read, read
from keypool.core.audit.schema import schema
from keypool.core.audit.verify import Verification, verify

WHOLE, BROKEN, UNUSABLE = 0, 1, 2
"""Exit codes."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z)?\Z", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}\Z")
EPILOG = """\
FILE is what the operator wrote to its standard output, alone or mixed with other lines, as `kubectl logs` gives it; `-`
is the standard input. verify ends with 0 where the log is whole, with 1 where it is not, and with 2 where it cannot be
read or has no audit line. docs/audit.md explains the lines, and has examples.
"""


def main(arguments: Sequence[str], out: TextIO = sys.stdout) -> int:
    """The exit code."""
    asked = _parser().parse_args(arguments)
    if asked.what == "schema":
        out.write(json.dumps(schema(), indent=2) + "\n")
        return WHOLE
    try:
        with _opened(asked.file) as stream:
            return int(_ANSWERS[asked.what](_lines(stream), asked, out))
    except OSError as error:
        return _unusable(f"{asked.file}: {error.strerror or type(error).__name__}")
    except BadQuestion as bad:
        return _unusable(str(bad))


def _unusable(why: str) -> int:
    sys.stderr.write(f"keypool audit: {why}\n")
    return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keypool audit", description=__doc__, epilog=EPILOG)
    what = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    verifying = what.add_parser("verify", help="is a line missing, changed or out of order?", epilog=EPILOG)
    verifying.add_argument("--head", action="append", default=[], metavar="HASH", help="a line that has to be there")
    finding = what.add_parser("find", help="lines whose fields are so", epilog=EPILOG)
    living = what.add_parser("alive", help="which keys lived on a day, or at a time, and what they could do")
    for command in (verifying, finding, living):
        command.add_argument("file", metavar="FILE")
    finding.add_argument("conditions", nargs="*", metavar="FIELD=TEXT", help="or FIELD!=TEXT; by.manager=kubectl")
    finding.add_argument("--json", action="store_true", help="whole lines, as they stand in the file")
    living.add_argument("when", metavar="WHEN", help="such as 2026-11-29 or 2026-11-29T14:00:00Z, in UTC")
    what.add_parser("schema", help="the JSON schema of the lines")
    return parser


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Of a line that is too long only the beginning, which tells that it is."""
    while data := stream.readline(LONGEST_LINE + 2):
        text = data.decode("utf-8", "replace")
        while data and not data.endswith(b"\n"):
            data = stream.readline(LONGEST_LINE)
        yield text.rstrip("\r\n")


def _verify(lines: Iterator[str], asked: argparse.Namespace, out: TextIO) -> int:
    for head in asked.head:
        if not _HASH.match(head):
            raise BadQuestion("--head is a line's hash: 64 hex digits")
    found = verify(lines, asked.head)
    if not found.lines:
        return _unusable(f"{asked.file} has no audit line in {found.others} lines")
    _tell_verified(found, out)
    return WHOLE if found.whole else BROKEN


def _tell_verified(found: Verification, out: TextIO) -> None:
    for finding in found.findings:
        out.write(f"{_printable(str(finding))}\n")
    if found.broken > len(found.findings):
        out.write(f"and {found.broken - len(found.findings)} more\n")
    for epoch in found.epochs.values():
        ends = "ended" if epoch.ended else "no last line"
        what = f"{epoch.lines} lines, {epoch.began} to {epoch.until}, {ends}; last seq {epoch.seq}, hash {epoch.head}"
        out.write(f"leadership {_printable(epoch.name)}: {_printable(what)}\n")
    for note in found.notes:
        out.write(f"note: {_printable(note)}\n")
    summary = f"{found.lines} audit lines, {found.others} other lines, {found.lost} lost"
    verdict = "nothing is missing, changed or out of order" if found.whole else f"NOT WHOLE: {found.broken} findings"
    out.write(f"{summary}: {verdict}\n")


def _printable(text: str) -> str:
    """What others may have put into the file gives no orders to the terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _readable(lines: Iterator[str]) -> Iterator[tuple[Read, str]]:
    for text in lines:
        if isinstance(found := read(text), Read):
            yield found, text


def _find(lines: Iterator[str], asked: argparse.Namespace, out: TextIO) -> int:
    conditions = [condition(text) for text in asked.conditions]
    for line, _ in _readable(lines):
        if all(each.holds(line.told) for each in conditions):
            out.write((json.dumps(line.told) if asked.json else shown(line.told)) + "\n")
    return WHOLE


def _alive(lines: Iterator[str], asked: argparse.Namespace, out: TextIO) -> int:
    if not _TIME.match(asked.when):
        raise BadQuestion(f"{asked.when[:40]!r} is no time: write 2026-11-29 or 2026-11-29T14:00:00Z")
    start, stop = _span(asked.when)
    for life in lives(line for line, _ in _readable(lines)):
        if life.overlaps(start, stop):
            out.write(f"{life}\n")
    return WHOLE


def _span(when: str) -> tuple[str, str]:
    """Times are compared as texts: all are written alike, and sort so."""
    return (when, f"{when}T99") if "T" not in when else (when.removesuffix("Z"), f"{when.removesuffix('Z')}~")


_ANSWERS = {"verify": _verify, "find": _find, "alive": _alive}
