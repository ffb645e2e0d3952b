"""What has no series because its namespace has too many of its kind."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LeftOut(Collector):
    """`counts`: by what is counted, how many of each namespace are left out."""

    def __init__(self, counts: Mapping[str, Callable[[], Counter[str]]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """One series for each namespace that has too many; mostly none."""
        gauge = GaugeMetricFamily(
            "keypool_series_left_out",
            "Pools, their usage, keys or endpoints of a namespace that have no series, because it has too many. Pools "
            "of which somebody has to know come first.",
            labels=("namespace", "of"),
        )
        for what, count in self._counts.items():
            for namespace, left_out in count().items():
                gauge.add_metric((namespace, what), left_out)
        yield gauge
