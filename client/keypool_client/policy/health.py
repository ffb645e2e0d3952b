"""What is known of one key, and when a pool's rejections are no longer believed."""

from math import inf

from keypool_client.model import Key, Pool
from keypool_client.policy.cooling import Group, Name
from keypool_client.policy.suspension import CANARY_SECONDS, Suspension

REJECTED_KEYS = 3
REJECTED_SECONDS = 10.0


class KeyHealth:
    """Of one value in one pool: another value begins anew, under whatever id."""

    __slots__ = ("credit", "credit_name", "doubted", "in_flight", "key", "proven", "rate_name", "suspension")

    def __init__(self) -> None:
        self.in_flight = 0
        self.suspension = Suspension(CANARY_SECONDS)
        """On: the key is condemned."""
        self.doubted: float | None = None
        """Since when there are refusals that no row explains."""
        self.proven = -inf
        """When the last call with it began that succeeded."""

    def place(self, pool: Pool, key: Key, credit: Group) -> None:
        """What the file says of it now."""
        self.key, self.credit = key, credit
        self.rate_name: Name = (pool.account, key.rate_group)
        self.credit_name: Name = (pool.account, key.credit_group)

    def accepted(self, began: float, now: float) -> None:
        """A call with it succeeded."""
        self.proven = max(self.proven, began)
        if self.suspension.since is not None and self.suspension.counts(began):
            self.suspension.end(now)
        if self.doubted is not None and began >= self.doubted:
            self.doubted = None


class Guard:
    """Three keys rejected at once without a success: rather the provider's sign-in fails than three keys are dead.

    Then no more is condemned, until a call that began after the last rejection succeeds or the file brings other keys.
    """

    __slots__ = ("_rejected", "since")

    def __init__(self) -> None:
        self._rejected: dict[int, float] = {}
        self.since: float | None = None
        """Since when nothing is condemned; None: it is off."""

    def condemns(self, key: KeyHealth, now: float) -> bool:
        """Whether the rejection of this key is believed."""
        kept = {other: when for other, when in self._rejected.items() if now - when <= REJECTED_SECONDS}
        self._rejected = {**kept, id(key): now}
        if self.since is None and len(self._rejected) >= REJECTED_KEYS:
            self.since = now
        return self.since is None

    def succeeded(self, began: float) -> None:
        """A call with one of the pool's keys succeeded."""
        if self._rejected and began >= max(self._rejected.values(), default=-inf):
            self._rejected, self.since = {}, None
