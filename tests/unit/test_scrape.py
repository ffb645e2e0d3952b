"""A scrape: what fails harms its own lines alone, and is told by a metric."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from keypool.core.limits import Usage
from keypool.serve.metrics import Metrics
from keypool.serve.pools import PoolState
from keypool.serve.usage import PoolUsage

READY = b'keypool_pool_ready{namespace="bystander",pool="good"} 1.0\n'


def with_a_bystander() -> Metrics:
    metrics = Metrics()
    metrics.pools.note("bystander", "good", PoolState(True, None, ()))
    return metrics


@pytest.mark.parametrize("usage", [Usage(requests=10**400), Usage(spend=Decimal("sNaN"))], ids=["10^400", "sNaN"])
def test_a_pool_whose_usage_is_no_number_takes_no_other_series_with_it(usage: Usage) -> None:
    metrics = with_a_bystander()
    metrics.usage.note("attacker", "bad", PoolUsage(usage, {"k": usage}, None))
    text = metrics.text()
    assert READY in text
    assert b'keypool_scrape_failures_total{collector="UsageSeries"} 1.0\n' in text
    metrics.on_pool_gone("attacker", "bad")
    text = metrics.text()
    assert READY in text
    assert b"# TYPE keypool_pool_spend_usd_total counter" in text
    assert b'keypool_scrape_failures_total{collector="UsageSeries"} 1.0\n' in text


def test_a_function_that_is_asked_at_each_scrape_may_fail() -> None:
    metrics = with_a_bystander()
    metrics.read_clocks(lambda: 1 // 0 == 1, {})
    text = metrics.text()
    assert READY in text
    assert b'keypool_scrape_failures_total{collector="keypool_clocks_agree"} 1.0\n' in text


def test_a_collector_that_fails_half_way_leaves_no_half_of_its_lines() -> None:
    class HalfWay(Collector):
        def collect(self) -> Iterator[Metric]:
            half = GaugeMetricFamily("half_way", "Half.", labels=["n"])
            half.add_metric(["1"], 1)
            yield half
            raise RuntimeError

    metrics = with_a_bystander()
    metrics.registry.register(HalfWay())
    text = metrics.text()
    assert READY in text
    assert b'half_way{n="1"}' not in text
    assert b'keypool_scrape_failures_total{collector="HalfWay"} 1.0\n' in text


def test_a_label_that_cannot_be_encoded_harms_its_own_lines_alone() -> None:
    metrics = with_a_bystander()
    metrics.usage.note("attacker", "\ud800", PoolUsage(Usage(requests=1), {}, None))
    assert READY in metrics.text()


def test_nothing_is_told_of_failures_while_there_are_none() -> None:
    assert b"keypool_scrape_failures_total{" not in with_a_bystander().text()
