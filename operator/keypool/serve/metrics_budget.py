"""What request budgets leave, as gauges that are read at each scrape, from another thread."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

MOST_LEVELS = 1000
"""Provider objects of one namespace whose budgets have series."""


@dataclass(frozen=True, slots=True)
class Level:
    """Of one provider object: calls that each quota ("minute", "day") leaves now, and how many wait for their turn."""

    namespace: str
    name: str
    left: Mapping[str, int]
    waiting: int


class BudgetCollector(Collector):
    """`levels` must be quick."""

    def __init__(self, levels: Callable[[], Iterable[Level]]) -> None:
        self._levels = levels

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Both gauges, of the provider objects that have a budget."""
        left = GaugeMetricFamily(
            "keypool_request_budget_left",
            "Requests that an account's budget leaves now, for each of its windows (minute, day).",
            labels=["namespace", "keyprovider", "window"],
        )
        waiting = GaugeMetricFamily(
            "keypool_requests_waiting",
            "Calls that wait for their turn in an account's request budget.",
            labels=["namespace", "keyprovider"],
        )
        shown = Counter[str]()
        for level in self._levels():
            shown[level.namespace] += 1
            if shown[level.namespace] > MOST_LEVELS:
                continue
            waiting.add_metric([level.namespace, level.name], level.waiting)
            for window, calls in level.left.items():
                left.add_metric([level.namespace, level.name, window], calls)
        return left, waiting
