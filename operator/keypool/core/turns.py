"""Whose turn it is to call a provider: ranked, fair between pools, and nobody waits for ever.

Purely computational. What a turn is worth is decided in `core.budget`.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

OLDEST_EVERY = 4
"""Each so manieth turn that is not urgent goes to the ticket that has waited longest, whatever its rank."""


class Rank(IntEnum):
    """What goes first. URGENT: all that gets a compromised key replaced and revoked. RENEW: replacing keys that expire
    or are rejected, and proving the provider. PROBE: probes, proofs of new keys and ordinary revocations, which finish
    what was begun. CREATE: new keys, ordinary rotations. SWEEP: reading usage, tidying up."""

    URGENT = 0
    RENEW = 1
    PROBE = 2
    CREATE = 3
    SWEEP = 4


@dataclass(slots=True, eq=False)
class Ticket:
    """So many `calls` that `pool` asks for at once, for one `activity`. `asked`: when, as the clock's seconds;
    `number`: its place in the order of asking; `granted`: when its turn came; `used`: of its calls so far."""

    pool: str
    activity: str
    rank: Rank
    calls: int
    asked: float
    number: int = 0
    granted: float | None = None
    used: int = 0

    @property
    def left(self) -> int:
        """Calls that are still to be made."""
        return max(self.calls - self.used, 0)


class Line:
    """The tickets that wait. Every operation but `candidates` takes constant time; that one looks at the ranks."""

    def __init__(self) -> None:
        self._all: dict[int, Ticket] = {}
        self._ranks: dict[Rank, dict[str, deque[Ticket]]] = {rank: {} for rank in Rank}
        self._numbers = self._turns = 0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, ticket: Ticket) -> None:
        """The ticket waits from now on, behind those of its rank; its pool's turn comes as often as any other's."""
        self._numbers += 1
        ticket.number = self._numbers
        self._all[ticket.number] = ticket
        self._ranks[ticket.rank].setdefault(ticket.pool, deque()).append(ticket)

    def remove(self, ticket: Ticket) -> None:
        """The ticket waits no longer."""
        del self._all[ticket.number]
        pools = self._ranks[ticket.rank]
        pools[ticket.pool].remove(ticket)
        if not pools[ticket.pool]:
            del pools[ticket.pool]

    def candidates(self) -> Iterator[Ticket]:
        """The ticket whose turn it is; then, where it does not fit, those that may overtake it: only higher ranks may,
        or a ticket of many calls would never find room."""
        heads = [next(iter(pools.values()))[0] for pools in self._ranks.values() if pools]
        if not heads:
            return
        first = heads[0]
        if first.rank is not Rank.URGENT and self._turns % OLDEST_EVERY == OLDEST_EVERY - 1:
            first = next(iter(self._all.values()))
        yield first
        yield from (head for head in heads if head.rank < first.rank)

    def take(self, ticket: Ticket) -> None:
        """Its turn has come: it waits no longer, and its pool's next ticket of that rank waits for all other pools."""
        self.remove(ticket)
        self._turns += ticket.rank is not Rank.URGENT
        pools = self._ranks[ticket.rank]
        if ticket.pool in pools:
            pools[ticket.pool] = pools.pop(ticket.pool)
