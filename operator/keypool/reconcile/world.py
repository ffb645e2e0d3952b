"""Everything that a pass touches outside itself, handed over once by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from keypool.cluster.announcer import Announcer
from keypool.cluster.cache import ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.credentials import Credentials
from keypool.cluster.installation import Installation
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Namespaces
from keypool.cluster.publisher import Publisher
from keypool.core.ledger import KeyRecord, Ledger
from keypool.providers.transport import Deadlines
from keypool.reconcile.accounts import Accounts
from keypool.reconcile.auditor import Auditor
from keypool.reconcile.budgets import Budgets
from keypool.reconcile.changes import Changes
from keypool.reconcile.debts import Debts
from keypool.reconcile.directory import Directory
from keypool.reconcile.pace import Pace
from keypool.reconcile.reports import Reports
from keypool.reconcile.tenants import Tenancy
from keypool.serve.metrics import Metrics


class Leads(Protocol):
    """What a pass needs to know of the Lease."""

    @property
    def epoch(self) -> str: ...

    def remaining(self) -> float: ...

    async def enough(self, seconds: float) -> bool: ...


class Sight(Protocol):
    """What a pass needs to know of the watches."""

    def sees(self, namespace: str) -> bool: ...

    def sees_claims(self, namespace: str) -> bool: ...

    def sees_all(self) -> bool: ...


@dataclass(frozen=True)
class World:
    """`sight`: what of the cluster is known; nothing is concluded about the rest. `tenancy` decides about pools of
    ClusterKeyProviders; None where chosen namespaces are served alone. `now`: the clock, aware UTC; `clocks_agree`:
    whether it may end anything. `deadlines`: the longest that calls to providers take. `random`: numbers in [0, 1).
    `new_id`: random hex. `touch_pool` and `touch_provider` queue an object by its UID. `ending`: no new work is to be
    begun."""

    client: KubeClient
    cache: ObjectCache
    sight: Sight
    ledgers: LedgerBook
    directory: Directory
    accounts: Accounts
    budgets: Budgets
    namespaces: Namespaces
    tenancy: Tenancy | None
    debts: Debts
    reports: Reports
    pace: Pace
    changes: Changes
    credentials: Credentials
    publisher: Publisher
    announcer: Announcer
    tell_failure: Callable[[Ledger, KeyRecord, str, str], None]
    auditor: Auditor
    metrics: Metrics
    leadership: Leads
    deadlines: Deadlines
    installation: str
    installed: Installation
    now: Callable[[], datetime]
    clocks_agree: Callable[[], bool]
    random: Callable[[], float]
    new_id: Callable[[], str]
    touch_pool: Callable[[str], None]
    touch_provider: Callable[[str], None]
    ending: Callable[[], bool]
    started_at: datetime
