"""A scrape: what fails harms its own lines alone, and is told by a metric."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from keypool.core.lifecycle import KeyState
from keypool.core.limits import Usage
from keypool.serve import families
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


def test_the_text_of_a_pool_at_rest_is_kept_and_that_of_another_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand pools few change between two scrapes."""
    made, text_of = list[tuple[str, ...]](), families._text_of

    def counted(names: tuple[str, ...], values: tuple[str, ...]) -> str:
        made.append(values)
        return text_of(names, values)

    monkeypatch.setattr(families, "_text_of", counted)
    metrics = with_a_bystander()
    metrics.pools.note("team", "moves", PoolState(True, None, (), good_probe=1.0))
    before = metrics.text()
    made.clear()
    metrics.pools.note("bystander", "good", PoolState(True, None, ()))
    metrics.pools.note("team", "moves", PoolState(True, None, (), good_probe=2.0))
    after = metrics.text()
    assert [labels for labels in made if len(labels) > 1] == [("team", "moves")]
    line = b'keypool_last_good_probe_timestamp_seconds{namespace="team",pool="moves"} %d.0\n'
    assert line % 1 in before
    assert line % 2 in after
    assert line % 1 not in after
    metrics.on_pool_gone("team", "moves")
    assert b'pool="moves"' not in metrics.text()


def samples(text: bytes) -> list[object]:
    """What Prometheus reads in it, in order; numbers may be written in another way."""
    families = text_string_to_metric_families(text.decode())
    return [(each.name, each.type, each.documentation, each.samples) for each in families]


def test_the_text_is_what_prometheus_client_would_make_of_the_same_series() -> None:
    metrics = with_a_bystander()
    stuck = (("Stalled", "True", 'a "\\" b\n'), ("Ready", "False", "x"))
    metrics.pools.note(
        "team", "stuck", PoolState(False, 1.5, (KeyState.HELD,) * 2, conditions=stuck, waits_for="owner")
    )
    used = Usage(requests=2, spend=Decimal("0.5"), last_used_at=datetime(2030, 1, 1, tzinfo=UTC))
    metrics.usage.note("team", "stuck", PoolUsage(used, {"k-1": used, "k-2": Usage()}, Decimal("0.25")))
    for collector in (metrics.pools, metrics.usage):
        alone = CollectorRegistry()
        alone.register(collector)
        assert samples(b"".join(collector.lines())) == samples(generate_latest(alone))


def test_nothing_is_told_of_failures_while_there_are_none() -> None:
    assert b"keypool_scrape_failures_total{" not in with_a_bystander().text()
