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
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in RULES_OF_ALERTS}


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


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: str) -> None:
    """Whoever is woken by it has never heard of it before."""
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description"}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_explained_on_the_page(alert: str) -> None:
    """With its severity."""
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert f"| `{alert}` | {ALERTS[alert]['labels']['severity']} |" in page


def test_metrics_that_alerts_name_for_further_reading_exist() -> None:
    """The descriptions send people to them."""
    texts = " ".join(rule["annotations"]["description"] for rule in ALERTS.values())
    assert set(re.findall(r"\bkeypool_\w+", texts)) - exposed() == set()


def test_the_object_for_the_prometheus_operator_holds_the_same_rules() -> None:
    """It is generated: `python -m keypool_lab.alerts`."""
    text = (ROOT / OBJECT).read_text()
    assert text == prometheus_rule(TEXTS)
    assert yaml.safe_load(text)["spec"] == {"groups": GROUPS}
