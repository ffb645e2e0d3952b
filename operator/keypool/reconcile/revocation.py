"""Revoking a key: on a fresh view alone, and forgotten only with proof."""

from keypool.cluster import paths
from keypool.cluster.cache import Kind
from keypool.cluster.errors import NotFound
from keypool.core import actions as act
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.reasons import Reason
from keypool.core.spending import departed
from keypool.providers.errors import CredentialRejected, ProviderError, Rejected
from keypool.providers.protocol import Probe, Provider, Revocation
from keypool.reconcile.context import Pass
from keypool.reconcile.keys import note_failure, timed
from keypool.reconcile.memory import FIRST_PAUSE
from keypool.reconcile.proving import account_problem, client_for
from keypool.reconcile.usage import read_last


async def revoke(this: Pass, action: act.RevokeKey) -> bool:
    """Deletes one key and proves it dead. First reads the pool live: nothing is revoked on a stale view."""
    record = this.handle.ledger.key(action.name)
    if record is None or record.handle is None:
        return False
    if not await _view_is_current(this):
        this.memory.pause(f"revoke:{record.name}", this.world.now() + FIRST_PAUSE)
        return False
    provider = await client_for(this.world, record.provider)
    if provider is None:
        return _not_yet(this, record, "the provider is gone, or cannot be used until its credential is proven")
    if not await this.world.leadership.enough(this.world.deadlines.other):
        this.memory.pause(f"revoke:{record.name}", this.world.now() + FIRST_PAUSE)
        return False
    await read_last(this, provider, record)
    answer = await _delete(this, provider, record, record.handle)
    if answer is None or not await _prove(this, provider, record, answer):
        return False
    this.memory.succeeded(f"revoke:{record.name}")
    usage = this.memory.usage()
    await this.handle.update(lambda x: departed(x, record, usage).advance(record.name, Evidence.REVOKED))
    return True


def _not_yet(this: Pass, record: KeyRecord, text: str) -> bool:
    activity, now = f"revoke:{record.name}", this.world.now()
    this.memory.failed(activity, Reason.REVOCATION_PENDING, text, now, this.world.random())
    return False


async def _failed(this: Pass, record: KeyRecord, error: ProviderError) -> bool:
    note_failure(this, f"revoke:{record.name}", record.provider, error)
    this.world.tell_failure(this.handle.ledger, record, "revoke", str(error))
    await _keep_the_way(this, record)
    return False


async def _delete(this: Pass, provider: Provider, record: KeyRecord, handle: str) -> Revocation | None:
    """The provider's answer; None when it failed. A refusal makes the key owed: it asks for a person."""
    try:
        return await timed(this, "revoke", provider.revoke(handle))
    except ProviderError as error:
        await _failed(this, record, error)
        refused = isinstance(error, Rejected) and not isinstance(error, CredentialRejected)
        if refused and record.state is KeyState.REVOKING:
            await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.REVOKE_REFUSED))
        return None


async def _keep_the_way(this: Pass, record: KeyRecord) -> None:
    """Before a pool that goes takes the provider object and its credential along, and a restart our memory of them."""
    pool = this.observation.pool
    if pool is None or pool.deleted_at is not None:
        await this.world.directory.keep(record.provider)


async def _prove(this: Pass, provider: Provider, record: KeyRecord, answer: Revocation) -> bool:
    try:
        if await _is_proven(this, provider, record, answer):
            return True
    except ProviderError as error:
        return await _failed(this, record, error)
    return _not_yet(this, record, "deleted, but the provider still accepts the value")


async def _is_proven(this: Pass, provider: Provider, record: KeyRecord, answer: Revocation) -> bool:
    """Its value is rejected; where the value is unknown, it was deleted, or is absent from a complete listing."""
    if record.value is not None:
        return await timed(this, "probe", provider.probe(record.value)) is Probe.REJECTED
    if answer is Revocation.DELETED:
        return True
    listing = await timed(this, "list", this.world.accounts.take(provider))
    problem = account_problem(this.world, record.provider, provider, listing)
    return problem is None and record.handle not in listing.keys


async def _view_is_current(this: Pass) -> bool:
    """The pool as the API server has it now is the one that this pass observed, as far as revocation goes."""
    ledger, seen = this.handle.ledger, this.observation.pool
    try:
        live = await this.world.client.get(paths.pool(ledger.namespace, ledger.pool))
    except NotFound:
        return seen is None
    if live["metadata"]["uid"] != ledger.pool_uid or seen is None:
        return live["metadata"]["uid"] != ledger.pool_uid and seen is None
    this.world.cache.upsert(Kind.POOL, live)
    if ("deletionTimestamp" in live["metadata"]) != (seen.deleted_at is not None):
        return False
    suspended = bool((live.get("spec") or {}).get("suspend", False))
    return seen.deleted_at is not None or seen.spec is None or suspended == seen.spec.suspend
