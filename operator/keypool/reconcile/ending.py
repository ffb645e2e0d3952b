"""What revoking and disabling a key share: a fresh view of the pool, a proven client, patience with the provider."""

from keypool.cluster import paths
from keypool.cluster.cache import Kind
from keypool.cluster.errors import NotFound
from keypool.core.account import may_be_elsewhere
from keypool.core.ledger import KeyRecord
from keypool.core.reasons import Reason
from keypool.errand import changing_something
from keypool.providers.errors import ProviderError, is_refusal
from keypool.providers.protocol import Leaving, Provider
from keypool.reconcile.context import Pass
from keypool.reconcile.keys import heard_out, note_failure
from keypool.reconcile.memory import FIRST_PAUSE
from keypool.reconcile.proving import client_for


async def usable_client(this: Pass, record: KeyRecord, activity: str) -> Provider | None:
    """The client to end a key through; None when that has to wait. First reads the pool live: nothing is ended on a
    stale view, nor with less leadership left than a call may take."""
    if not await _view_is_current(this):
        this.memory.pause(activity, this.world.now() + FIRST_PAUSE)
        return None
    provider = await client_for(this.world, record.provider)
    if provider is None:
        late(this, activity, "the provider is gone, or cannot be used until its credential is proven")
        return None
    return provider if await still_leads(this, activity) else None


def is_elsewhere(this: Pass, record: KeyRecord) -> bool:
    """Whether the key may be in an account that was given up, where no call reaches it."""
    return may_be_elsewhere(record, this.world.accounts.confirmed_since(record.provider))


async def still_leads(this: Pass, activity: str) -> bool:
    """Whether more leadership is left than a call may take. Else the activity is put off."""
    enough = await this.world.leadership.enough(this.world.deadlines.other)
    if not enough:
        this.memory.pause(activity, this.world.now() + FIRST_PAUSE)
    return enough


async def clear_up(this: Pass, provider: Provider, record: KeyRecord, activity: str) -> bool:
    """Has what the provider made for a key that is gone, such as a user, go with it. False when that is to be tried
    again; what is refused is left there: it can do nothing without the key."""
    if record.handle is None or not isinstance(provider, Leaving):
        return True
    try:
        with changing_something():
            await heard_out(this, "revoke", provider.forget(record.handle))
    except ProviderError as error:
        if is_refusal(error):
            return True
        note_failure(this, activity, record.provider, error)
        return False
    return True


def still_accepted(this: Pass, provider: Provider, activity: str, done: str) -> None:
    """The value works although the key is `done` away with: as planned within the provider's lag, reported after it."""
    now, lag = this.world.now(), provider.capabilities.revocation_lag
    over = this.memory.first_answered(activity, now) + lag
    if now < over:
        this.memory.wait_as_planned(activity, min(now + max(lag / 4, FIRST_PAUSE), over))
    else:
        late(this, activity, f"{done}, but the provider still accepts the value")


def late(this: Pass, activity: str, text: str) -> None:
    """Tells why a key could not be ended yet; that is tried again with growing pauses."""
    this.memory.failed(activity, Reason.REVOCATION_PENDING, text, this.world.now(), this.world.random())


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
