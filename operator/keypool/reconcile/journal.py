"""Tells people what became durable: audit lines, counters and Events, all drawn from the ledger's own changes."""

import asyncio
import contextlib

from keypool.cluster.announcer import Announcer, Subject
from keypool.core.history import announcements, changes, publications
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.reasons import Reason
from keypool.reconcile.auditor import Auditor
from keypool.serve.metrics import Metrics

WAITING = 1000
"""Events that may wait to be posted; more are dropped, the audit log has them all."""

Waiting = tuple[Subject, str, Reason, str]


class Journal:
    """The ledger book's listener. Events are posted by `run`, so that no ledger write waits for them."""

    def __init__(self, announcer: Announcer, auditor: Auditor, metrics: Metrics) -> None:
        self._announcer, self._auditor, self._metrics = announcer, auditor, metrics
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue(WAITING)

    def durable(self, ledger: Ledger, before: Ledger) -> None:
        """A ledger was written: its steps have happened."""
        self._auditor.changed(before, ledger)
        for change in changes(ledger.steps):
            self._metrics.key_events.labels(change.what, "ok").inc()
        for news in (*announcements(ledger.steps), *publications(ledger.shown)):
            self._put((Subject.of_ledger(ledger), news.kind, news.reason, news.note))

    def failed(self, ledger: Ledger, key: KeyRecord, call: str, outcome: str) -> None:
        """A call to the provider about a key came to nothing."""
        self._auditor.failed(ledger, key, call, outcome)
        self._metrics.key_events.labels(f"{call} failed", "failed").inc()

    def tampered(self, ledger: Ledger) -> None:
        """Somebody else wrote or deleted the ledger while we lead."""
        self._metrics.ledgers_tampered.inc()
        text = "the ledger's Secret was changed or deleted by somebody else; it was written back"
        self._auditor.ledger(ledger, "tampered", text)
        self._put((Subject.of_ledger(ledger), "Warning", Reason.LEDGER_TAMPERED, text))

    def orphaned(self, ledger: Ledger, fingerprint: str) -> None:
        """A published key works and cannot be shown to be the pool's: it is replaced, and a person has to revoke it."""
        self._auditor.orphaned(ledger, fingerprint)
        self._metrics.key_events.labels("not adopted", "ok").inc()

    def _put(self, announcement: Waiting) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait(announcement)

    async def run(self) -> None:
        """Posts Events until cancelled."""
        while True:
            await self._announcer.announce(*await self._waiting.get())
