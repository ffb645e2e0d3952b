"""Puts together what one leadership works with, and loads what earlier ones left behind."""

import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic

from keypool.cluster import paths
from keypool.cluster.announcer import Announcer
from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.credentials import Credentials
from keypool.cluster.installation import Installation
from keypool.cluster.lease import Leadership
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Namespaces
from keypool.cluster.publisher import Publisher
from keypool.providers.answers import Answers
from keypool.providers.protocol import Provider
from keypool.providers.reach import Reach
from keypool.providers.transport import Deadlines
from keypool.reconcile.accounts import Accounts
from keypool.reconcile.auditor import Auditor
from keypool.reconcile.budgets import Budgets, budget_levels
from keypool.reconcile.changes import Changes
from keypool.reconcile.debts import Debts
from keypool.reconcile.directory import Directory, Prepare
from keypool.reconcile.journal import Journal
from keypool.reconcile.pace import Pace
from keypool.reconcile.registry import Registry
from keypool.reconcile.reports import Reports
from keypool.reconcile.tenants import Tenancy
from keypool.reconcile.world import World
from keypool.serve.audit import AuditLog
from keypool.serve.metrics import Metrics
from keypool.settings import Settings
from keypool.watch.liveness import Liveness
from keypool.watch.queue import WorkQueue

LOST = (
    "the Secret keypool-installation was gone and was made anew, with another id: new keys have other names upstream; "
    "what is published is still known by the ledgers' own seals"
)

_log = logging.getLogger(__name__)

Build = Callable[..., Provider]
"""As `providers.registry.build`."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the replica has already; see `World`, `Directory` for `prepare`, and `Replica` for `build` and `minute`."""

    settings: Settings
    audit: AuditLog
    metrics: Metrics
    cache: ObjectCache
    liveness: Liveness
    build: Build
    prepare: Prepare
    minute: float
    now: Callable[[], datetime]
    clocks_agree: Callable[[], bool]


def _owner(cache: ObjectCache, uid: str) -> str:
    """Whose a provider object is: its namespace's, or its own where it has none."""
    provider = cache.provider_by_uid(uid)
    return str(provider["metadata"].get("namespace") or uid) if provider is not None else uid


async def assemble(parts: Parts, client: KubeClient, leadership: Leadership, queue: WorkQueue) -> tuple[World, Journal]:
    """Raises KubeError and ValueError where what is stored cannot be read."""
    settings = parts.settings
    announcer = Announcer(
        client,
        settings.identity,
        monotonic,
        utc_now,
        partial(secrets.token_hex, 8),
        on_dropped=parts.metrics.on_event_dropped,
    )
    auditor = Auditor(parts.audit.record, parts.cache.pool)
    journal = Journal(announcer, auditor, parts.metrics)
    installed = Installation(client, settings.namespace, partial(secrets.token_hex, 4), secrets.token_hex)
    ledgers = LedgerBook(client, settings.namespace, leadership.verify_live, journal, installed.seal)
    deadlines = Deadlines().within(settings.timing.longest_call)
    build = partial(
        parts.build,
        allow_insecure=settings.allow_insecure_endpoints,
        reach=Reach(settings.private_networks, client.connection.api_addresses),
        deadlines=deadlines,
    )

    def touch_pool(uid: str) -> None:
        queue.add_soon(f"pool/{uid}")

    budgets = Budgets(client, settings.namespace, parts.now, lambda uid: queue.add(f"pool/{uid}"), parts.minute)
    answers = Answers(partial(_owner, parts.cache))
    directory = Directory(
        client,
        settings.namespace,
        build,
        budgets,
        lambda uid: queue.add(f"provider/{uid}"),
        answers=answers,
        prepare=parts.prepare,
        on_call=parts.metrics.on_provider_call,
    )
    accounts = Accounts(
        client,
        settings.namespace,
        ledgers,
        Registry(ledgers, parts.cache, parts.liveness.sees_served),
        parts.now,
        answers=answers,
    )
    await installed.refresh()
    await ledgers.load()
    if installed.is_new and ledgers.all():
        _log.warning(LOST)
    directory.has_keys({key.provider for handle in ledgers.all() for key in handle.ledger.keys})
    await directory.load_kept()
    await accounts.load()
    await budgets.load()
    parts.metrics.read_budgets(partial(budget_levels, budgets, parts.cache))
    namespaces = Namespaces(client)
    world = World(
        client=client,
        cache=parts.cache,
        sight=parts.liveness,
        ledgers=ledgers,
        directory=directory,
        accounts=accounts,
        budgets=budgets,
        namespaces=namespaces,
        tenancy=Tenancy(parts.cache, ledgers, namespaces, touch_pool) if not settings.served else None,
        debts=Debts(ledgers, namespaces, touch_pool),
        reports=Reports(
            parts.cache,
            lambda namespace, name: client.get(paths.pod(namespace, name)),
            lambda uid: handle.ledger if (handle := ledgers.get(uid)) is not None else None,
            now=parts.now,
            monotonic=monotonic,
            counted=parts.metrics.on_key_report,
        ),
        pace=Pace(parts.cache, parts.now, timedelta(seconds=parts.minute)),
        changes=Changes(monotonic, parts.cache.store(Kind.PROVIDER).count),
        credentials=Credentials(client, monotonic),
        publisher=Publisher(client),
        announcer=announcer,
        tell_failure=journal.failed,
        auditor=auditor,
        metrics=parts.metrics,
        leadership=leadership,
        deadlines=deadlines,
        installation=installed.id,
        installed=installed,
        now=parts.now,
        clocks_agree=parts.clocks_agree,
        random=random.random,
        new_id=partial(secrets.token_hex, 8),
        touch_pool=touch_pool,
        touch_provider=lambda uid: queue.add(f"provider/{uid}"),
        ending=lambda: queue.draining,
        started_at=parts.now(),
    )
    return world, journal
