"""The series of a pool end with it, whatever became of the looks at it."""

from types import SimpleNamespace
from typing import Any

from keypool.core.ledger import Ledger
from keypool.reconcile.report import Reporter
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import NOW


def a_ledger(uid: str) -> Ledger:
    """Of a pool that always has the same name."""
    return Ledger(pool_uid=uid, namespace="team", pool="chat")


def a_reporter(metrics: Metrics) -> Reporter:
    """One whose world has nothing else."""
    world: Any = SimpleNamespace(metrics=metrics, now=lambda: NOW, auditor=SimpleNamespace(forget=lambda _: None))
    return Reporter(world)


def test_the_series_of_a_pool_that_was_never_looked_at_to_the_end_are_gone_when_it_is() -> None:
    metrics = Metrics()
    reporter = a_reporter(metrics)
    reporter.measure_failed(a_ledger("one"), ())
    assert metrics.pools.get("team", "chat") is not None
    reporter.end_series("one")
    assert metrics.pools.get("team", "chat") is None


def test_a_pool_of_the_same_name_keeps_its_series_when_the_one_before_goes() -> None:
    metrics = Metrics()
    reporter = a_reporter(metrics)
    for uid in ("one", "two"):
        reporter.measure_failed(a_ledger(uid), ())
    reporter.end_series("one")
    assert metrics.pools.get("team", "chat") is not None
