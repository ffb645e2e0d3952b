"""What request budgets leave, as gauges that are read at each scrape, from another thread."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from keypool.serve.families import Families, Family, Row
from keypool.serve.providers import OBJECT

MOST_LEVELS = 1000
"""Provider objects of one namespace whose budgets have series."""


@dataclass(frozen=True, slots=True)
class Level:
    """Of one provider object: calls that each quota ("minute", "day") leaves now, and how many wait for their turn;
    `quota`: calls that each of them grants."""

    namespace: str
    name: str
    left: Mapping[str, int]
    waiting: int
    quota: Mapping[str, int] = field(default_factory=dict)


class BudgetSeries(Families):
    """`levels` must be quick."""

    def __init__(self) -> None:
        self.levels: Callable[[], Iterable[Level]] = tuple

    def families(self) -> Iterator[Family]:
        """Both gauges, of the provider objects that have a budget."""
        left, quota, waiting, shown = list[Row](), list[Row](), list[Row](), Counter[str]()
        for level in self.levels():
            shown[level.namespace] += 1
            if shown[level.namespace] > MOST_LEVELS:
                continue
            waiting.append(((level.namespace, level.name), level.waiting))
            quota += [((level.namespace, level.name, window), calls) for window, calls in level.quota.items()]
            left += [((level.namespace, level.name, window), calls) for window, calls in level.left.items()]
        yield Family(
            "keypool_request_budget_left",
            "Requests that an account's budget leaves now, for each of its windows (minute, day).",
            (*OBJECT, "window"),
            left,
        )
        yield Family(
            "keypool_request_budget",
            "Requests that an account's budget grants in each of its windows.",
            (*OBJECT, "window"),
            quota,
        )
        yield Family(
            "keypool_requests_waiting",
            "Calls that wait for their turn in an account's request budget.",
            OBJECT,
            waiting,
        )
