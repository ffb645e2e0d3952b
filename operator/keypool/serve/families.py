"""Families of series, and their text. Of ten thousand pools, prometheus_client's own way takes seconds of a core."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Row = tuple[tuple[str, ...], float]
"""The labels' values, and the series' own."""
LabelTexts = dict[tuple[str, ...], dict[tuple[str, ...], str]]
"""What stands in braces, by the labels' names and values: the same for many metrics."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. A counter's name is without `_total`."""

    name: str
    text: str
    labels: tuple[str, ...]
    rows: Iterable[Row] = ()
    kind: Literal["gauge", "counter"] = "gauge"

    @property
    def exposed(self) -> str:
        """The name under which Prometheus finds it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def metric(self) -> Metric:
        """As prometheus_client has it."""
        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric: CounterMetricFamily | GaugeMetricFamily = made(self.name, self.text, labels=self.labels)
        for labels, value in self.rows:
            metric.add_metric(labels, float(value))
        return metric

    def lines(self, texts: LabelTexts) -> str:
        """In the exposition format. `texts` are shared by the families of one scrape."""
        name, known = self.exposed, texts.setdefault(self.labels, {})
        lines = [f"# HELP {name} {self.text}\n# TYPE {name} {self.kind}\n"]
        for labels, value in self.rows:
            text = known.get(labels)
            if text is None:
                text = known[labels] = _text_of(self.labels, labels)
            lines.append(f"{name}{text} {float(value)!r}\n")  # as Go reads it: also infinite ones, and none
        return "".join(lines)


class Families(Collector):
    """A collector that tells families."""

    @property
    def told_as(self) -> str:
        """What it is called where it fails."""
        return type(self).__name__

    @abstractmethod
    def families(self) -> Iterator[Family]:
        """All of them, also those without a series now."""

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks for it."""
        return (family.metric() for family in self.families())

    def lines(self) -> bytes:
        """All of their text."""
        texts: LabelTexts = {}
        return "".join([family.lines(texts) for family in self.families()]).encode()


def _text_of(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Labels by name, as prometheus_client writes them."""
    pairs = sorted(zip(names, values, strict=True))
    told = ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])
    return f"{{{told}}}" if pairs else ""


def _escaped(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value
