"""What the steps of one pass share."""

from dataclasses import dataclass

from keypool.cluster.announcer import Subject
from keypool.cluster.ledgers import LedgerHandle
from keypool.core.observation import Observation
from keypool.reconcile.memory import Memory
from keypool.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over one pool."""

    world: World
    observation: Observation
    handle: LedgerHandle
    memory: Memory

    @property
    def subject(self) -> Subject:
        """The pool as Events name it."""
        return Subject.of_ledger(self.handle.ledger)
