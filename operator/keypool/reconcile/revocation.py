"""Revoking a key: on a fresh view alone, and forgotten only with proof."""

from keypool.core import actions as act
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.spending import departed
from keypool.core.trust import has_expired
from keypool.providers.errors import ProviderError, is_refusal
from keypool.providers.protocol import Probe, Provider, Revocation
from keypool.reconcile.context import Pass
from keypool.reconcile.ending import is_elsewhere, late, still_accepted, usable_client
from keypool.reconcile.keys import heard_out, note_failure
from keypool.reconcile.proving import account_problem
from keypool.reconcile.usage import read_last

DISABLED_ELSEWHERE = (
    "it was disabled in an account that was given up, and the account in use does not have it: delete it there "
    "yourself, then annotate the pool with keypool.dev/abandon={name}"
)


async def revoke(this: Pass, action: act.RevokeKey) -> bool:
    """Deletes one key and proves it dead. First reads the pool live: nothing is revoked on a stale view."""
    record = this.handle.ledger.key(action.name)
    if record is None or record.handle is None:
        return False
    provider = await usable_client(this, record, f"revoke:{record.name}")
    if provider is not None and await read_last(this, provider, record):  # may take long: look again
        provider = await usable_client(this, record, f"revoke:{record.name}")
    if provider is None:
        return False
    answer = await _delete(this, provider, record, record.handle)
    if answer is None or not await _prove(this, provider, record, answer):
        return False
    this.memory.succeeded(f"revoke:{record.name}")
    usage = this.memory.usage()
    if record.published_at is not None:
        this.memory.emptied.add(record.slot)
    await this.handle.update(lambda x: departed(x, record, usage).advance(record.name, Evidence.REVOKED))
    if this.world.cache.provider_by_uid(record.provider) is None:  # what is kept of it may go with its last key
        this.world.touch_provider(record.provider)
    return True


async def _failed(this: Pass, record: KeyRecord, error: ProviderError) -> bool:
    note_failure(this, f"revoke:{record.name}", record.provider, error)
    this.world.tell_failure(this.handle.ledger, record, "revoke", str(error))
    await _keep_the_way(this, record)
    return False


async def _delete(this: Pass, provider: Provider, record: KeyRecord, handle: str) -> Revocation | None:
    """The provider's answer; None when it failed. A refusal makes the key owed: it asks for a person."""
    try:
        return await heard_out(this, "revoke", provider.revoke(handle), record.provider)
    except ProviderError as error:
        await _failed(this, record, error)
        if is_refusal(error) and record.state is KeyState.REVOKING:
            await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.REVOKE_REFUSED))
        return None


async def _keep_the_way(this: Pass, record: KeyRecord) -> None:
    """Before a pool that goes takes the provider object and its credential along, and a restart our memory of them."""
    pool = this.observation.pool
    if pool is None or pool.deleted_at is not None:
        await this.world.directory.keep(record.provider)


async def _prove(this: Pass, provider: Provider, record: KeyRecord, answer: Revocation) -> bool:
    if answer is Revocation.NOT_FOUND and _is_only_disabled(this, record):
        late(this, f"revoke:{record.name}", DISABLED_ELSEWHERE.format(name=record.name))
        return False
    try:
        if await _is_proven(this, provider, record, answer):
            return True
    except ProviderError as error:
        return await _failed(this, record, error)
    still_accepted(this, provider, f"revoke:{record.name}", "deleted")
    return False


def _is_only_disabled(this: Pass, record: KeyRecord) -> bool:
    """Whether it may be disabled in an account that was given up: then a rejected value does not prove it deleted."""
    over = has_expired(this.observation, record, this.world.now())
    return record.disabled_at is not None and is_elsewhere(this, record) and not over


async def _is_proven(this: Pass, provider: Provider, record: KeyRecord, answer: Revocation) -> bool:
    """Its value is rejected; where the value is unknown, it was deleted, or is absent from a complete listing."""
    if record.value is not None:
        return await heard_out(this, "probe", provider.probe(record.value)) is Probe.REJECTED
    if answer is Revocation.DELETED:
        return True
    listing = await heard_out(this, "list", this.world.accounts.take(record.provider, provider))
    problem = account_problem(this.world, record.provider, provider, listing)
    return problem is None and record.handle not in listing.keys
