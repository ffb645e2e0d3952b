"""Gauges whose values are asked for at each scrape. What nobody can tell has no series: no number stands for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from keypool.serve.families import Families, Family, Row

Told = float | None


class AskedGauge(Families):
    """No series before `of`, `by` or `rows`, and none after `forget`: only who knows tells."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...] = ()) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._rows: Callable[[], Iterable[Row]] = tuple

    @property
    def told_as(self) -> str:
        """The metric."""
        return self._name

    def of(self, value: Callable[[], Told]) -> None:
        """One value without labels, asked for from another thread; None where it is not known."""
        self.by({(): value})

    def by(self, values: Mapping[tuple[str, ...], Callable[[], Told]]) -> None:
        """One for each of these labels."""
        asked = tuple(values.items())
        self.rows(lambda: [(labels, told) for labels, ask in asked if (told := ask()) is not None])

    def rows(self, rows: Callable[[], Iterable[Row]]) -> None:
        """Whatever there is then."""
        self._rows = rows

    def forget(self) -> None:
        """Another replica tells it from now on."""
        self._rows = tuple

    def families(self) -> Iterator[Family]:
        """One."""
        yield Family(self._name, self._text, self._labels, self._rows())
