"""A scrape in which whatever fails harms its own lines alone, and is told."""

import logging
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from keypool.serve.families import Families

_log = logging.getLogger(__name__)


class OwnLines(CollectorRegistry):
    """Renders each collector apart: one that fails, or has a value that is no number, is left out and counted."""

    def __init__(self) -> None:
        super().__init__()
        self._apart: dict[Collector, str] = {}
        self._failing: set[str] = set()
        self._failures = Counter(
            "keypool_scrape_failures",
            "Scrapes that lack the metrics of a collector (a metric, or one of our classes) because it failed.",
            ["collector"],
            registry=self,
        )
        del self._apart[self._failures]  # which is told last: of this very scrape, too

    def register(self, collector: Collector) -> None:
        """As usual."""
        super().register(collector)
        names, own = iter(self._collector_to_names[collector]), type(collector).__name__
        self._apart[collector] = collector.told_as if isinstance(collector, Families) else next(names, own)

    def unregister(self, collector: Collector) -> None:
        """As usual."""
        super().unregister(collector)
        self._apart.pop(collector, None)

    def collectors(self) -> tuple[Collector, ...]:
        """All of them, for the page that lists the metrics."""
        return (*self._apart, self._failures)

    def pieces(self) -> Iterator[bytes]:
        """The exposition format, with what works, in pieces of some hundred kilobytes at most."""
        for collector, name in tuple(self._apart.items()):
            yield from self._rendered(collector, name)
        yield generate_latest(_Alone(self._failures))

    def _rendered(self, collector: Collector, name: str) -> list[bytes]:
        """All of a collector's lines, or none."""
        try:
            lines = _lines(collector)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are scraped
            self._failures.labels(name).inc()
            if name not in self._failing:
                _log.error("metrics are scraped without those of %s: %s", name, type(error).__name__)
            self._failing.add(name)
            return []
        self._failing.discard(name)
        return lines


def _lines(collector: Collector) -> list[bytes]:
    return [*collector.lines()] if isinstance(collector, Families) else [generate_latest(_Alone(collector))]


class _Alone(Collector):
    """What is rendered as if there were nothing else."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        """Its own."""
        return self._collector.collect()
