"""Passes that end with an error again and again, as a series for Prometheus."""

from collections import Counter
from collections.abc import Iterator

from keypool.serve.families import Families, Family

IN_A_ROW = 3
"""An API server that restarts, and two writes that meet, cost a pass or two."""
KINDS = ("pool", "provider")


class FailingPasses(Families):
    """By kind and UID of the object: errors in a row. Told while this replica leads."""

    def __init__(self) -> None:
        self._errors = Counter[tuple[str, str]]()
        self._leads = False

    def begin(self) -> None:
        """This replica leads, and nothing failed yet."""
        self._errors, self._leads = Counter(), True

    def forget(self) -> None:
        """Another replica tells it from now on."""
        self._errors, self._leads = Counter(), False

    def failed(self, kind: str, uid: str) -> None:
        """A pass over the object ended with an error."""
        self._errors[kind, uid] += 1

    def over(self, kind: str, uid: str) -> None:
        """One went well, or there is nothing to look at."""
        self._errors.pop((kind, uid), None)

    def families(self) -> Iterator[Family]:
        """One."""
        counts = Counter(kind for (kind, _), errors in tuple(self._errors.items()) if errors >= IN_A_ROW)
        yield Family(
            "keypool_passes_failing",
            f"Objects of a kind (pool, provider) over which the last {IN_A_ROW} passes or more ended with an error.",
            ("kind",),
            [((kind,), counts[kind]) for kind in KINDS] if self._leads else (),
        )
