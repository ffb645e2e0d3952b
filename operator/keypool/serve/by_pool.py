"""What is known of each pool, as series for Prometheus. A gauge for each pool would take a kilobyte.

Most pools are at rest between two scrapes. So the text of a pool's series is kept until what is known of it changes: of
ten thousand pools some twelve megabytes, and no more than the last scrape had.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from keypool.serve.families import Families, Family, LabelTexts, Row

POOL = ("namespace", "pool")
MOST = 2000
"""Pools of one namespace that have series: whoever makes more fills nobody's scrape."""
T = TypeVar("T")
Pool = tuple[str, str]
RowsOf = Callable[[Pool, T], Sequence[Row]]
_Metric = tuple[RowsOf[T], Family]


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One metric: `rows_of` a pool, by what is known of it."""

    name: str
    text: str
    rows_of: RowsOf[T]
    labels: tuple[str, ...] = POOL
    kind: Literal["gauge", "counter"] = "gauge"

    def family(self, rows: Iterable[Row] = ()) -> Family:
        """With these series."""
        return Family(self.name, self.text, self.labels, rows, self.kind)


def gauge(name: str, text: str, value_of: Callable[[T], float | None]) -> Column[T]:
    """One value of each pool; None for none."""

    def rows_of(pool: Pool, known: T) -> tuple[Row, ...]:
        return ((pool, value),) if (value := value_of(known)) is not None else ()

    return Column(name, text, rows_of)


class ByPool(Families, Generic[T]):
    """The series of a pool exist while it does."""

    def __init__(self) -> None:
        self._pools: dict[Pool, T] = {}
        self._texts: dict[Pool, tuple[T, list[bytes]]] = {}
        """By pool: what was known of it in the last scrape, and each column's cell."""

    @property
    @abstractmethod
    def columns(self) -> tuple[Column[T], ...]:
        """All that is told of each pool."""

    def sums(self) -> Iterator[Family]:
        """What is told of all pools together."""
        return iter(())

    def comes_first(self, _: T) -> bool:
        """Whether somebody has to know of such a pool."""
        return False

    def note(self, namespace: str, pool: str, known: T | None) -> None:
        """What is known of a pool; None when nothing is, or it is gone."""
        if known is None:
            self._pools.pop((namespace, pool), None)
        else:
            self._pools[namespace, pool] = known

    def get(self, namespace: str, pool: str) -> T | None:
        """What is known of one pool."""
        return self._pools.get((namespace, pool))

    def known(self) -> list[tuple[Pool, T]]:
        """As it is now, for a scrape, which asks from another thread."""
        return list(self._pools.items())

    def shown(self) -> list[tuple[Pool, T]]:
        """Those that have series: so many of each namespace, and first those of which somebody has to know."""
        known = self.known()
        crowded = {namespace for namespace, count in Counter(pool[0] for pool, _ in known).items() if count > MOST}
        if not crowded:
            return known
        known.sort(key=lambda each: not self.comes_first(each[1]))
        left = dict.fromkeys(crowded, MOST)
        return [each for each in known if each[0][0] not in crowded or _counted(left, each[0][0])]

    def left_out(self) -> Counter[str]:
        """How many pools of each namespace have no series."""
        counts = Counter(namespace for namespace, _ in tuple(self._pools))
        return Counter({namespace: count - MOST for namespace, count in counts.items() if count > MOST})

    def families(self) -> Iterator[Family]:
        """All of them."""
        shown = self.shown()
        for column in self.columns:
            yield column.family([row for pool, known in shown for row in column.rows_of(pool, known)])
        yield from self.sums()

    def lines(self) -> Iterator[bytes]:
        """The same as text, most of which is kept from the last scrape."""
        texts: LabelTexts = {}
        metrics = [(column.rows_of, column.family()) for column in self.columns]
        self._texts = {pool: self._text_of(pool, known, metrics, texts) for pool, known in self.shown()}
        told = [cells for _, cells in self._texts.values()]
        for number, (_, family) in enumerate(metrics):
            yield from family.made_of([cells[number] for cells in told if cells[number]])
        for family in self.sums():
            yield from family.lines(texts)

    def _text_of(self, pool: Pool, known: T, metrics: list[_Metric[T]], texts: LabelTexts) -> tuple[T, list[bytes]]:
        before = self._texts.get(pool)
        if before is not None and (before[0] is known or before[0] == known):
            return before
        return known, [family.cells(rows_of(pool, known), texts) for rows_of, family in metrics]


def _counted(left: dict[str, int], namespace: str) -> bool:
    left[namespace] -= 1
    return left[namespace] >= 0
