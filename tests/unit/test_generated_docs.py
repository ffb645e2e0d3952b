"""The generated documents are what the code says now."""

from pathlib import Path

import pytest

from keypool.core.lifecycle import TABLE, KeyState
from keypool.core.reasons import Reason
from keypool_lab.docs import DOCUMENTS, main

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_generated_document_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text == DOCUMENTS[name](), "run: python -m keypool_lab.docs docs/"


def test_the_diagram_has_an_edge_for_every_row() -> None:
    text = DOCUMENTS["lifecycle.md"]()
    assert text.count(" --> ") == len(TABLE)
    assert all(f"**{state}**" in text for state in KeyState)


def test_every_reason_is_explained() -> None:
    assert all(f"| `{reason}` |" in DOCUMENTS["conditions.md"]() for reason in Reason)


def test_the_command_writes_every_document(tmp_path: Path) -> None:
    assert main([str(tmp_path / "docs")]) == 0
    assert {path.name for path in (tmp_path / "docs").iterdir()} == set(DOCUMENTS)
    assert main([]) == 2
