"""Families of series, and their text. Of ten thousand pools, prometheus_client's own way takes seconds of a core."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Row = tuple[tuple[str, ...], float]
"""The labels' values, and the series' own."""
PIECE = 2000
"""Lines that are put together at a time: while a thread does it, the loop waits for it."""


class _Texts(dict[tuple[str, ...], str]):
    """What stands in braces, by the labels' values. It is made where it is missing."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, values: tuple[str, ...]) -> str:
        text = self[values] = _text_of(self._names, values)
        return text


LabelTexts = dict[tuple[str, ...], _Texts]
"""By the labels' names: the same for many metrics."""


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

    def lines(self, texts: LabelTexts) -> Iterator[bytes]:
        """In the exposition format, piece by piece. `texts` are shared by the families of one scrape."""
        return self.made_of(self.cells((row,), texts) for row in self.rows)

    def cells(self, rows: Sequence[Row], texts: LabelTexts) -> bytes:
        """The lines of some rows, without the first one's name; nothing for none. Numbers as Go reads them: also an
        infinite one, or none."""
        if not rows:
            return b""
        known = texts.get(self.labels)
        if known is None:
            known = texts[self.labels] = _Texts(self.labels)
        if len(rows) == 1:  # of nearly all
            labels, value = rows[0]
            return f"{known[labels]} {float(value)!r}\n".encode()
        return self.exposed.join([f"{known[labels]} {float(value)!r}\n" for labels, value in rows]).encode()

    def made_of(self, cells: Iterable[bytes]) -> Iterator[bytes]:
        """The same from `cells`."""
        name, left = self.exposed.encode(), iter(cells)
        yield f"# HELP {self.exposed} {self.text}\n# TYPE {self.exposed} {self.kind}\n".encode()
        while some := tuple(islice(left, PIECE)):
            yield name + name.join(some)


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

    def lines(self) -> Iterator[bytes]:
        """All of their text, piece by piece."""
        texts: LabelTexts = {}
        return (piece for family in self.families() for piece in family.lines(texts))


def _text_of(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Labels by name, as prometheus_client writes them."""
    pairs = sorted(zip(names, values, strict=True))
    told = ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])
    return f"{{{told}}}" if pairs else ""


def _escaped(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value
