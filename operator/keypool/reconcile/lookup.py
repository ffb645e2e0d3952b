"""What is learnt from listings: which lost create calls made keys, and which rejected keys exist no more."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from keypool.core import actions as act
from keypool.core.account import Account
from keypool.core.claims import Claims, Doubt, Wanted, claim
from keypool.core.deadlines import CREATE_DEADLINE
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.limits import Usage
from keypool.core.reasons import Reason
from keypool.core.rules.health import OUTSIDE
from keypool.core.rules.intents import absence_of, begun, is_lost, visible
from keypool.core.spending import departed
from keypool.providers.errors import ProviderError
from keypool.providers.protocol import Leaving, ListedKey
from keypool.reconcile.accounts import Listing
from keypool.reconcile.context import Pass
from keypool.reconcile.directory import Entry
from keypool.reconcile.ending import clear_up, still_leads
from keypool.reconcile.keys import heard_out, life, note_failure
from keypool.reconcile.proving import is_another_account, proven_client

Facts = Callable[[ListedKey], dict[str, object]]

SOON, SELDOM = timedelta(seconds=30), timedelta(hours=6)
UNSURE = "a ledger is missing, unreadable or outdated: a key that seems lost may be in it"
SHARED = timedelta(seconds=10)
"""Pools share a listing that is no older. A key that it does not have does not come back."""


async def look_up(this: Pass, action: act.LookUp) -> bool:
    """Resolves lost intents by a complete listing: by name, or as the keys that no ledger knows."""
    is_proven, listing = await _proof(this)
    if not is_proven:
        return _not_yet(this, "the provider's client is not proven")
    entry, now = _entry(this), this.world.now()
    keys = [key for name in action.names if (key := this.handle.ledger.key(name)) is not None and is_lost(key)]
    if entry is None or not keys:
        return False
    return await _look_up(this, entry, keys, now, listing)


async def _look_up(this: Pass, entry: Entry, keys: list[KeyRecord], now: datetime, listing: Listing | None) -> bool:
    """`listing`: made just now to prove the client. By names it tells all that is asked."""
    wanted = [Wanted(key.name, visible(this.observation, key, now)) for key in keys]
    not_before = max(now - SHARED, *(each.visible for each in wanted))
    names = entry.provider.capabilities.lists_names
    if listing is None or not names or listing.begun < not_before:
        listing = await _listing(this, entry, "lookup", not_before)
    if listing is None or is_another_account(this.world, entry, listing):
        return False
    if names:
        return await _find_by_name(this, wanted, listing)
    exclusive = this.observation.provider is not None and this.observation.provider.exclusive
    if entry.provider.capabilities.lists_inactive and not exclusive:
        return await _disprove(this, entry, keys, listing)
    if not exclusive:
        return _in_doubt(this, keys)
    return await _claim(this, entry, wanted, listing)


async def _proof(this: Pass) -> tuple[bool, Listing | None]:
    """Whether the client may be used, and the listing that proved it just now. Of a pool that is gone: nobody else may
    look at a provider object that is gone, too."""
    if this.observation.pool is not None:
        return True, None
    provider = this.observation.provider
    if provider is not None:
        this.memory.asked[provider.uid] += 1
    client, listing = await proven_client(this.world, provider.uid) if provider is not None else (None, None)
    return client is not None, listing


async def _disprove(this: Pass, entry: Entry, keys: Iterable[KeyRecord], listing: Listing) -> bool:
    """Calls that made no key are forgotten, and their slots get another one. Nothing is awaited in between."""
    accounts, now = this.world.accounts, this.world.now()
    if not accounts.may_claim():
        return _not_yet(this, UNSURE)
    o = this.observation
    doubts = [Doubt(key.name, begun(o, key), visible(o, key, now), key.identity) for key in keys]
    absent = accounts.absent(entry.uid, doubts, listing)
    _in_doubt(this, [key for key in keys if key.name not in absent])
    await this.handle.update(partial(_resolved, found=dict.fromkeys(sorted(absent))))
    return True


def _in_doubt(this: Pass, keys: Iterable[KeyRecord]) -> bool:
    """Looked at again when as much time has passed as since the call: a key of somebody else may be gone by then."""
    now = this.world.now()
    this.memory.succeeded("lookup")
    for key in keys:
        this.memory.pause(absence_of(key.name), now + min(max(now - key.intended_at, SOON), SELDOM))
    return True


async def _find_by_name(this: Pass, wanted: Iterable[Wanted], listing: Listing) -> bool:
    if any(key.name is None for key in listing.keys.values()):
        return _not_yet(this, "the provider lists keys without names although spec.holySheep.listsNames is true")
    listed = {key.name: key for key in listing.keys.values()}
    this.memory.succeeded("lookup")
    pool = this.observation.pool
    stays = pool is not None and pool.deleted_at is None
    facts = partial(_found, this) if stays else None
    await this.handle.update(partial(_named, wanted=tuple(wanted), listed=listed, facts=facts))
    return True


def _named(
    ledger: Ledger, wanted: Iterable[Wanted], listed: Mapping[str | None, ListedKey], facts: Facts | None
) -> Ledger:
    """A key whose value was ours to choose is whole again, unless the pool goes (`facts` None): it is published once a
    probe has proven it."""
    for each in wanted:
        record, found = ledger.key(each.name), listed.get(each.name)
        whole = record is not None and record.state is KeyState.UNRESOLVED and record.value is not None
        if found is not None and whole and facts is not None:
            ledger = ledger.advance(each.name, Evidence.FOUND_WHOLE, **facts(found))
        else:
            ledger = _resolved(ledger, {each.name: found.handle if found is not None else None})
    return ledger


def _found(this: Pass, key: ListedKey) -> dict[str, object]:
    return {"handle": key.handle, **life(this, key.expires_at)}


async def _claim(this: Pass, entry: Entry, wanted: Iterable[Wanted], listing: Listing) -> bool:
    """Nothing is awaited between reading what all ledgers know and writing down what this one claims."""
    accounts = this.world.accounts
    if not accounts.may_claim():
        return _not_yet(this, UNSURE)
    claims: Claims = claim(wanted, accounts.sightings(entry.uid), listing.begun, CREATE_DEADLINE)
    this.memory.succeeded("lookup")
    if claims.again is not None or not claims.decided:
        this.memory.pause("lookup", claims.again or this.world.now() + SHARED)
    await this.handle.update(partial(_resolved, found=claims.decided))
    return True


def _resolved(ledger: Ledger, found: Mapping[str, str | None]) -> Ledger:
    for name, handle in found.items():
        if handle is None:
            ledger = ledger.advance(name, Evidence.ABSENT)
        else:
            ledger = ledger.advance(name, Evidence.FOUND, handle=handle)
    return ledger


async def find_gone(this: Pass, action: act.FindGone) -> bool:
    """Forgets rejected keys that the right account does not list any more. What is listed is looked for seldom."""
    entry = _entry(this)
    if entry is None:
        return False
    listing = await _listing(this, entry, "gone", this.world.now() - SHARED)
    if listing is None or is_another_account(this.world, entry, listing):
        return False
    certain = this.world.accounts.verdict(entry.uid, entry.provider, listing) is Account.SAME
    gone = [name for name in action.names if certain and _is_gone(this, entry, listing, name)]
    if not await _cleared_up(this, entry, gone):
        return False
    await this.handle.update(partial(without, names=gone, usage=this.memory.usage()))
    if len(gone) < len(action.names):
        text = "rejected, and still listed by the provider"
        this.memory.failed("gone", Reason.KEY_REJECTED, text, this.world.now(), this.world.random())
    else:
        this.memory.succeeded("gone")
    return True


async def _cleared_up(this: Pass, entry: Entry, names: Iterable[str]) -> bool:
    """Whether what the provider made for these keys is gone, too."""
    for name in names:
        record = this.handle.ledger.key(name)
        if record is None or not isinstance(entry.provider, Leaving):
            continue
        if not await still_leads(this, "gone") or not await clear_up(this, entry.provider, record, "gone"):
            return False
    return True


def without(ledger: Ledger, names: Iterable[str], usage: Mapping[str, Usage]) -> Ledger:
    """The ledger without keys that exist no more; what they were used for stays counted."""
    for name in names:
        if (key := ledger.key(name)) is not None:
            ledger = departed(ledger, key, usage).advance(name, Evidence.GONE_UPSTREAM)
    return ledger


def _is_gone(this: Pass, entry: Entry, listing: Listing, name: str) -> bool:
    key = this.handle.ledger.key(name)
    if key is None or key.state not in OUTSIDE or key.unpublished_at is None or key.created_at is None:
        return False
    settled = key.created_at + entry.provider.capabilities.listing_lag <= listing.begun
    return settled and key.handle not in listing.keys


def _entry(this: Pass) -> Entry | None:
    uid = this.observation.provider.uid if this.observation.provider is not None else ""
    entry = this.world.directory.get(uid)
    return entry if entry is not None and entry.trusted else None


async def _listing(this: Pass, entry: Entry, activity: str, not_before: datetime) -> Listing | None:
    """None when it cannot be had now."""
    try:
        return await heard_out(this, "list", this.world.accounts.listing(entry.uid, entry.provider, not_before))
    except ProviderError as error:
        note_failure(this, activity, entry.uid, error)
        return None


def _not_yet(this: Pass, text: str) -> bool:
    this.memory.failed("lookup", Reason.ANSWER_LOST, text, this.world.now(), this.world.random())
    return False
