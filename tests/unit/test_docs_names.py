"""What the pages call by name is there: settings, metrics, alerts, annotations, files, and the operator's messages."""

import re
from pathlib import Path

import pytest

from keypool.core.reasons import Reason
from keypool.settings import Settings
from keypool_client.relay.settings import documented

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "operator" / "keypool").rglob("*.py")))
CLIENT = "".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "client" / "keypool_client").rglob("*.py"))
)
MANIFESTS = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "manifests").rglob("*.yaml")))
RULES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "prometheus").glob("*.yaml"))
ALERTS = set(re.findall(r"alert: (\w+)", RULES))
FOLDERS = "docs|manifests|operator|prometheus|tests|requirements"
every_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def found(pattern: str, page: Path) -> set[str]:
    return set(re.findall(pattern, page.read_text(encoding="utf-8")))


@every_page
def test_each_setting_that_a_page_names_exists(page: Path) -> None:
    known = {f"KEYPOOL_{name}".upper() for name in Settings.model_fields}
    of_the_client = set(re.findall(r'"(KEYPOOL_[A-Z_]*[A-Z])"', CLIENT))
    of_the_relay = {name for name, _, _ in documented()} | {"KEYPOOL_RELAY_PORT"}  # the last one is Kubernetes' own
    assert found(r"\bKEYPOOL_[A-Z_]*[A-Z]", page) <= known | of_the_client | of_the_relay


def test_the_relays_page_has_each_of_its_settings() -> None:
    page = (ROOT / "docs" / "relay.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {f'`{default}`' if default else ''} | {doc} |" for name, default, doc in documented()]
    assert [row for row in rows if row not in page] == []


@every_page
def test_each_metric_that_a_page_names_exists(page: Path) -> None:
    names = {name.removesuffix("_total") for name in found(r"\bkeypool_(?!(?:lab|client)\b)[a-z_]*[a-z]", page)}
    assert {name for name in names if f'"{name}' not in CODE + CLIENT} == set()


@every_page
def test_each_alert_that_a_page_names_exists(page: Path) -> None:
    assert found(r"`(Keypool[A-Z]\w+)`", page) <= ALERTS


def test_each_alert_is_explained() -> None:
    assert found(r"`(Keypool[A-Z]\w+)`", ROOT / "docs" / "alerts.md") == ALERTS


@every_page
def test_each_annotation_and_label_that_a_page_names_exists(page: Path) -> None:
    names = found(r"\bkeypool\.dev/(?!v\d)[a-z-]*[a-z]", page)
    assert {name for name in names if name not in CODE + MANIFESTS} == set()


@every_page
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    names = {name.rstrip("/.") for name in found(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]+", page)}
    assert {name for name in names if not (ROOT / name).exists()} == set()


def test_each_message_that_the_readme_explains_is_one_of_the_operators() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tables = re.findall(r"^ +\| message \|.*\n^ +\|---.*\n((?:^ +\|.*\n)+)", text, re.MULTILINE)
    said = [message for table in tables for message in re.findall(r"^ +\| `([^`]+)` \|", table, re.MULTILINE)]
    assert len(said) >= 10
    assert [message for message in said if message not in CODE] == []


def test_each_reason_that_the_readme_names_in_its_text_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"reason `(\w+)`", text)) <= {str(reason) for reason in Reason}
