"""Which key a request goes to, and what comes after a failure: the door to all of this package."""

from collections.abc import Callable, Sequence

from keypool_client.model import Pool
from keypool_client.policy.budget import RetryBudget
from keypool_client.policy.concluding import merge
from keypool_client.policy.exchange import Exchange
from keypool_client.policy.fleet import Fleet
from keypool_client.policy.reports import PoolView, Report, reports, view
from keypool_client.policy.steps import Request
from keypool_client.policy.throttle import Throttle
from keypool_client.policy.verdicts import Verdict

__all__ = ["Chooser", "Exchange"]


class Chooser:
    """What a relay knows of its pools: the first one and those to fall back to. State without I/O."""

    def __init__(self, draw: Callable[[], float], tell: Callable[[Verdict], None] | None = None) -> None:
        """`draw` returns a random number in [0, 1). `tell` gets each verdict that siblings may hear."""
        self._fleet = Fleet(draw, tell)
        self._budget, self._throttle = RetryBudget(), Throttle()

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pools, the first one first."""
        return tuple(state.pool for state in self._fleet.pools)

    def update(self, pools: Sequence[Pool], now: float) -> None:
        """A file changed: these are the pools from now on, the first one first.

        What is known of a value that stays is kept; requests under way keep their key.
        """
        del now  # nothing that is known depends on when the file changed
        self._fleet.update(pools)

    def begin(self, request: Request, now: float) -> Exchange:
        """A request came in: ask the exchange for the first step."""
        self._budget.request(now)
        return Exchange(self._fleet, self._budget, self._throttle, request)

    def merge(self, verdict: Verdict, now: float) -> bool:
        """A sibling's verdict: what it speaks against is avoided where there is anything else, and no more than that.

        False: it is about nothing that is known here, or lasts longer than any verdict may.
        """
        return merge(self._fleet, verdict, now)

    def reports(self, now: float) -> tuple[Report, ...]:
        """What the operator should know: keys that were rejected or doubted, credit that is spent."""
        return reports(self._fleet, now)

    def view(self, now: float) -> tuple[PoolView, ...]:
        """The state of every pool, for people: public ids, no values."""
        return view(self._fleet, now)
