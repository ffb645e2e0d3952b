"""A pool's report on the way and the one at the end of its passes never write at once."""

import asyncio
from types import SimpleNamespace
from typing import Any

from keypool.core.decision import Plan
from keypool.reconcile.pool import PoolReconciler, Views
from keypool.reconcile.readings import FINALIZER
from tests.unit.core.builders import NOW, a_key, seen


class Slow:
    """A reporter that takes some rounds of the loop; `most`: how many wrote at once."""

    def __init__(self) -> None:
        self.told, self.now, self.most = list[int](), 0, 0

    async def conclude(self, observation: Any, decided: Plan, now: Any) -> None:
        """Writes."""
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.told.append(len(observation.ledger.keys))
        self.now -= 1


def reconciler(reporter: Slow) -> Any:
    """One that knows of nothing but its reporter and a pool with our finalizer."""
    one: Any = object.__new__(PoolReconciler)
    one._reporter = reporter
    one._world = SimpleNamespace(cache=SimpleNamespace(pool=lambda _: {"metadata": {"finalizers": [FINALIZER]}}))
    return one


async def test_the_last_report_waits_for_one_that_has_begun() -> None:
    reporter, o = Slow(), seen(a_key(0))
    one, views = reconciler(reporter), Views((o, Plan(o.ledger), NOW))
    handle = SimpleNamespace(ledger=o.ledger)
    reported, _ = await asyncio.gather(
        one._report_progress(handle, views), one._conclude(views, o, Plan(o.ledger), NOW)
    )
    assert reported
    assert (reporter.most, len(reporter.told)) == (1, 2)


async def test_nothing_is_reported_on_the_way_once_all_is_concluded() -> None:
    reporter, o = Slow(), seen(a_key(0))
    one, views = reconciler(reporter), Views((o, Plan(o.ledger), NOW))
    handle = SimpleNamespace(ledger=o.ledger)
    _, reported = await asyncio.gather(
        one._conclude(views, o, Plan(o.ledger), NOW), one._report_progress(handle, views)
    )
    assert not reported
    assert (reporter.most, len(reporter.told)) == (1, 1)
