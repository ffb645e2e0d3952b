"""Which key a request goes to, and what comes after a failure: the door to all of this package."""

from collections.abc import Callable, Sequence

from keypool_client.model import Pool
from keypool_client.policy.budget import RetryBudget
from keypool_client.policy.exchange import Exchange
from keypool_client.policy.fleet import Fleet
from keypool_client.policy.reports import PoolView, Report, reports, view
from keypool_client.policy.steps import Request
from keypool_client.policy.throttle import Throttle

__all__ = ["Chooser", "Exchange"]


class Chooser:
    """What a relay knows of its pools: the first one and those to fall back to. State without I/O."""

    def __init__(self, draw: Callable[[], float]) -> None:
        """`draw` returns a random number in [0, 1)."""
        self._fleet = Fleet(draw)
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

    def reports(self, now: float) -> tuple[Report, ...]:
        """What the operator should know: keys that were rejected or doubted, credit that is spent."""
        return reports(self._fleet, now)

    def view(self, now: float) -> tuple[PoolView, ...]:
        """The state of every pool, for people: public ids, no values."""
        return view(self._fleet, now)
