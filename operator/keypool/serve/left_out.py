"""What has no series because its namespace has too many of its kind."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from keypool.serve.families import Families, Family


class LeftOut(Families):
    """`counts`: by what is counted, how many of each namespace are left out."""

    def __init__(self, counts: Mapping[str, Callable[[], Counter[str]]]) -> None:
        self._counts = counts

    def families(self) -> Iterator[Family]:
        """One series for each namespace that has too many; mostly none."""
        yield Family(
            "keypool_series_left_out",
            "Pools, their usage, keys, provider objects or endpoints of a namespace that have no series, because there "
            "are too many. Pools of which somebody has to know come first.",
            ("namespace", "of"),
            [((namespace, what), left) for what, count in self._counts.items() for namespace, left in count().items()],
        )
