"""The generated documents are what the code says now."""

from pathlib import Path

import pytest
import yaml

from keypool.api.provider import KeyProviderSpec
from keypool.core.lifecycle import TABLE, KeyState
from keypool.core.reasons import Reason
from keypool_lab.capability_tables import BEGIN, END, documented_kinds, page_of, with_comparison, with_table
from keypool_lab.docs import DOCUMENTS, main

DOCS = Path(__file__).parents[2] / "docs"
PROVIDERS = DOCS / "providers"


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


@pytest.mark.parametrize("kind", documented_kinds(PROVIDERS))
def test_the_table_of_a_providers_page_is_what_its_adapter_can_do(kind: str) -> None:
    text = page_of(PROVIDERS, kind).read_text(encoding="utf-8")
    assert text == with_table(text, kind), "run: python -m keypool_lab.docs docs/"


def test_the_overview_compares_all_kinds() -> None:
    text = (PROVIDERS / "README.md").read_text(encoding="utf-8")
    assert text == with_comparison(text, documented_kinds(PROVIDERS)), "run: python -m keypool_lab.docs docs/"


def test_no_page_has_a_heading_twice() -> None:
    heads = {
        page.name: [line for line in page.read_text().splitlines() if line[:1] == "#"] for page in DOCS.rglob("*.md")
    }
    assert {name for name, lines in heads.items() if len({*lines}) < len(lines)} == set()


def test_the_command_writes_the_table_into_a_page_that_is_there(tmp_path: Path) -> None:
    page = tmp_path / "providers" / "holysheep.md"
    page.parent.mkdir()
    page.write_text(f"# HolySheep\n\n{BEGIN}\n{END}\n\nThe end.\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0
    assert "| `listsValues` | **yes** |" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").endswith(f"\n{END}\n\nThe end.\n")


def test_a_page_without_room_for_its_table_gets_it_at_the_end() -> None:
    text = with_table("# HolySheep\n", "holySheep")
    assert text.startswith(f"# HolySheep\n\n## Capabilities\n\n{BEGIN}\n\n| capability |")
    assert with_table(text, "holySheep") == text


@pytest.mark.parametrize("kind", documented_kinds(PROVIDERS))
def test_the_sample_on_a_providers_page_is_a_valid_provider_of_that_kind(kind: str) -> None:
    sample = page_of(PROVIDERS, kind).read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    provider = next(one for one in yaml.safe_load_all(sample) if one["kind"] == "KeyProvider")
    assert KeyProviderSpec.model_validate(provider["spec"]).kind == kind
