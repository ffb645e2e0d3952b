"""Finds tests and their `row` markers in the sources; nothing of the tests is imported or run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keypool.core.lifecycle import TABLE, Evidence, KeyState

TESTS = Path(__file__).parents[3] / "tests"
MARKER = "row"
Row = tuple[str, str]
"""Names of the state before ("NONE" for none) and of the evidence."""
ROWS: tuple[Row, ...] = tuple((row.before.name if row.before else "NONE", row.evidence.name) for row in TABLE)


@dataclass(frozen=True, slots=True)
class Found:
    """One test function. `file` is relative to the folder of the project, with slashes."""

    file: str
    name: str
    rows: tuple[Row, ...]

    @property
    def id(self) -> str:
        """As pytest takes it."""
        return f"{self.file}::{self.name}"


def every_test(folder: Path) -> tuple[Found, ...]:
    """All tests below a folder, by file and in their order there."""
    return tuple(test for path in sorted(folder.rglob("test_*.py")) for test in _in_file(path, folder))


def proven(found: tuple[Found, ...]) -> dict[Row, tuple[str, ...]]:
    """For each row of the table the tests that name it."""
    return {row: tuple(test.id for test in found if row in test.rows) for row in ROWS}


def strangers(found: tuple[Found, ...]) -> list[str]:
    """Markers that name no row of the table, each with its test and with what would be right."""
    states, evidence = ("NONE", *KeyState.__members__), tuple(Evidence.__members__)
    return [
        f"{test.id}: there is no row {row}; before is one of {', '.join(states)}, evidence one of {', '.join(evidence)}"
        for test in found
        for row in test.rows
        if row not in ROWS
    ]


def _in_file(path: Path, folder: Path) -> Iterator[Found]:
    file = path.relative_to(folder.parent).as_posix()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield Found(file, node.name, tuple(_rows(node)))


def _rows(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Row]:
    """`@pytest.mark.row("HELD", "CLEARED")`, also as the mark of one of a test's parameters."""
    for mark in (part for decorator in node.decorator_list for part in ast.walk(decorator)):
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == f"pytest.mark.{MARKER}":
            texts = [arg.value if isinstance(arg, ast.Constant) else ast.unparse(arg) for arg in mark.args]
            yield str(texts[0]) if texts else "", str(texts[1]) if len(texts) > 1 else ""
