"""The README's tables are what the code says."""

from pathlib import Path

import pytest

from keypool.core.advice import ADVICE
from keypool.core.reasons import MEANING, Condition, Reason
from keypool_lab import readme

ROOT = Path(__file__).parents[2]


def test_the_generated_parts_of_the_readme_are_up_to_date() -> None:
    """Run `python -m keypool_lab.readme` when this fails."""
    text = (ROOT / "README.md").read_text()
    assert readme.fill(text, readme.parts((ROOT / "docs" / "demo.txt").read_text())) == text


def test_every_condition_and_reason_is_explained() -> None:
    """Nothing that people meet is left without words."""
    assert set(MEANING) == set(Condition)
    assert set(ADVICE) == set(Reason)


def test_a_part_without_markers_is_an_error() -> None:
    """A marker that somebody removed is noticed."""
    with pytest.raises(KeyError, match="fields"):
        readme.fill("nothing here", {"fields": "a table"})


def test_a_nested_field_is_named_with_its_path() -> None:
    """Parents have no line of their own, and a description cannot end its cell."""
    crd = {
        "spec": {
            "versions": [
                {
                    "schema": {
                        "openAPIV3Schema": {
                            "properties": {
                                "spec": {
                                    "properties": {
                                        "a": {"properties": {"b": {"description": "B | c."}}},
                                    }
                                }
                            }
                        }
                    }
                }
            ]
        }
    }
    assert readme.fields(crd).splitlines()[-1] == "| `a.b` | B \\| c. |"
