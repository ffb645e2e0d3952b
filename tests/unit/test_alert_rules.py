"""The alert rules: written for metrics that exist, explained on their page, the same in both forms."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool.serve.metrics import Metrics
from keypool_client.relay.metrics import Metrics as RelayMetrics
from keypool_lab.alerts import OBJECT, RULES, prometheus_rule

ROOT = Path(__file__).parents[2]
TEXTS = [(ROOT / path).read_text() for path in RULES]
GROUPS: list[dict[str, Any]] = [group for text in TEXTS for group in yaml.safe_load(text)["groups"]]
RULES_OF_ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
ALERTS = {(rule["alert"], rule["labels"]["severity"]): rule for rule in RULES_OF_ALERTS}
"""By name and severity: one that the owner of a pool has to mend is a warning, else it pages the platform."""
ALERT = pytest.mark.parametrize("alert", ALERTS, ids="-".join)
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()


def exposed() -> set[str]:
    """The names under which Prometheus finds the metrics of operators and relays."""
    families = [*Metrics().registry.collect(), *RelayMetrics().registry.collect()]
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in families}


def test_every_metric_that_rules_ask_for_exists() -> None:
    """A rule on a metric that is misspelt never fires, and nothing says so."""
    asked = {name for group in GROUPS for rule in group["rules"] for name in re.findall(r"\bkeypool_\w+", rule["expr"])}
    assert asked - exposed() == set()


def test_every_series_that_rules_record_is_recorded_before_it_is_asked_for() -> None:
    """Rules of a group run one after another: asked for earlier, a series would be one evaluation late."""
    for group in GROUPS:
        recorded: set[str] = set()
        for rule in group["rules"]:
            assert set(re.findall(r"\bkeypool:[\w:]+", rule["expr"])) <= recorded
            recorded.add(rule.get("record", ""))


def test_no_two_rules_are_of_one_name_and_severity() -> None:
    assert len(ALERTS) == len(RULES_OF_ALERTS)


@ALERT
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: tuple[str, str]) -> None:
    """Whoever is woken by it has never heard of it before."""
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}


@ALERT
def test_an_alert_is_explained_on_the_page(alert: tuple[str, str]) -> None:
    """With its severity."""
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert f"| `{alert[0]}` | {alert[1]} |" in page


@ALERT
def test_an_alert_has_a_section_in_the_runbook(alert: tuple[str, str]) -> None:
    """It says what is at stake, where to look and what to do."""
    assert ALERTS[alert]["annotations"]["runbook_url"] == f"docs/runbooks.md#{alert[0].lower()}"
    assert f"\n## {alert[0]}\n" in RUNBOOKS
    section = RUNBOOKS.partition(f"\n## {alert[0]}\n")[2].partition("\n## ")[0]
    assert len(section.split()) > 15


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    assert set(re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)) == {name for name, _ in ALERTS}


def test_an_alert_on_a_pool_or_provider_goes_by_both_names_of_its_namespace() -> None:
    """Without honor_labels a healthy pool would hide a dead one of the same name."""
    for rule in (rule for group in GROUPS if group["name"] != "keypool-relay" for rule in group["rules"]):
        for by in re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]):
            if "pool" in by.split(", ") or "keyprovider" in by.split(", "):
                assert "namespace, exported_namespace" in by


def test_metrics_that_alerts_name_for_further_reading_exist() -> None:
    """The descriptions send people to them."""
    texts = " ".join(rule["annotations"]["description"] for rule in ALERTS.values())
    assert set(re.findall(r"\bkeypool_\w+", texts)) - exposed() == set()


def test_the_object_for_the_prometheus_operator_holds_the_same_rules() -> None:
    """It is generated: `python -m keypool_lab.alerts`."""
    text = (ROOT / OBJECT).read_text()
    assert text == prometheus_rule(TEXTS)
    assert yaml.safe_load(text)["spec"] == {"groups": GROUPS}
