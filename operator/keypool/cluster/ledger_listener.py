"""Who is told of what happens to ledgers."""

from typing import Protocol

from keypool.core.ledger import Ledger


class Listener(Protocol):
    """Is told what became durable (and what was `before`), and when somebody else had written."""

    def durable(self, ledger: Ledger, before: Ledger) -> None: ...

    def tampered(self, ledger: Ledger) -> None: ...

    def orphaned(self, ledger: Ledger, fingerprint: str) -> None: ...
