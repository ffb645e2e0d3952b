"""Making a ledger whole again: read what is published, list, probe, decide, store. Nothing is published or revoked."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import SecretStr

from keypool.cluster.cache import Kind
from keypool.cluster.secret_view import secret_view
from keypool.core.brake import Grip
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.ownership import is_ours
from keypool.core.projection import secret_names
from keypool.core.reasons import Reason
from keypool.core.recovery import Evidences, Recovered, published_in, recovered, unpaired
from keypool.core.rules.deletion import DEADLINE
from keypool.core.seal import is_newer, proven_revision
from keypool.core.turns import Rank
from keypool.errand import holding
from keypool.providers.errors import ProviderError
from keypool.providers.protocol import ListedKey, Probe, Provider
from keypool.reconcile.accounts import Listing
from keypool.reconcile.admission import may_call
from keypool.reconcile.budgets import Wanted
from keypool.reconcile.context import Pass
from keypool.reconcile.keys import heard_out, note_failure, tell_the_brake
from keypool.reconcile.memory import FIRST_PAUSE

ACTIVITY = "recover"
SIDE_BY_SIDE = 8
"""Probes of one pool at once."""
LISTING_AGE = 5.0
"""Seconds for which pools that recover at the same time share a listing: else many pools would be quadratic work."""


def is_behind(o: Observation) -> bool:
    """A Secret of ours was written from a newer ledger than the one that we have."""
    return any(is_newer(view, o.ledger) for view in o.secrets.values())


def may_wait(o: Observation, now: datetime) -> bool:
    """A pool that goes waits for its ledger no longer than for its keys; RevokeAndWait waits for ever."""
    pool = o.known_pool
    waits = pool.spec is not None and pool.spec.deletion_policy == "RevokeAndWait" and pool.abandon is None
    return pool.deleted_at is None or waits or now < pool.deleted_at + DEADLINE


class Recovery:
    """Shared by all pools, for the sake of the listings."""

    def __init__(self) -> None:
        self._listings: dict[str, tuple[float, Listing | None]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def restore(self, this: Pass) -> Problem | None:
        """Brings a ledger that is older than the Secrets up to date; None when done, else why it is not yet."""
        return await self._recover(this, Reason.LEDGER_RESTORED, "the ledger is older than what is published")

    async def rebuild(self, this: Pass) -> Problem | None:
        """Makes a lost ledger anew; None when done, else why it is not yet."""
        return await self._recover(this, Reason.LEDGER_MISSING, "the ledger is gone")

    async def _recover(self, this: Pass, reason: Reason, what: str) -> Problem | None:
        o, now = this.observation, this.world.now()
        if (waiting := _not_now(o, reason, what, now) or _waits_for_budget(this, reason, what)) is not None:
            return waiting
        assert o.provider is not None  # noqa: S101
        entry = this.world.directory.get(o.provider.uid)
        assert entry is not None  # noqa: S101 - there are facts of it
        try:
            with this.world.budgets.using(o.ledger.pool_uid, ACTIVITY):
                found = await self._gather(this, entry.provider)
        except ProviderError as error:
            note_failure(this, ACTIVITY, entry.uid, error)
            return Problem(reason, f"{what}; tried again soon: {error}", stalls=False)
        if _most_are_rejected(this, found, entry.uid):
            this.memory.pause(ACTIVITY, now + timedelta(seconds=LISTING_AGE))
            return Problem(reason, f"{what}; the provider rejects many keys, and it is found out why", stalls=False)
        if self._may_still_be_listed(this, found, now):
            return Problem(reason, f"{what}; published keys are not listed yet", stalls=False)
        if reason is Reason.LEDGER_RESTORED and found.newest <= o.ledger.revision:
            this.memory.recovering_since = None
            this.memory.pause(ACTIVITY, now + FIRST_PAUSE)
            return None  # somebody put the Secret right; the cache knows by now
        await self._store(this, recovered(o, found, now), found, rebuilt=reason is Reason.LEDGER_MISSING)
        return None

    async def _gather(self, this: Pass, provider: Provider) -> Evidences:
        o, world = this.observation, this.world
        pool, uid = o.known_pool, o.provider.uid if o.provider else ""
        texts, newest = [], 0
        for name in secret_names(pool.name, o.spec):
            live = await world.publisher.read(pool.namespace, name)
            if live is None or not is_ours(view := secret_view(live), pool.uid, published=True):
                continue
            world.cache.upsert(Kind.SECRET, live)
            newest = max(newest, proven_revision(view, o.ledger))
            texts.append(_texts(live.get("data") or {}))
        published = published_in(texts, o.spec.secret.keys.api_key)
        listing = await self._list(this, uid, provider) if provider.capabilities.lists_values else ()
        others = {key.print for key in o.ledger.keys if key.provider != uid}  # no other provider is shown their values
        wanted = {entry.print: entry.value for entry in published if entry.print not in others}
        wanted |= {k.print or "": k.value for k in o.ledger.keys if k.value is not None and k.provider == uid}
        verdicts = await _probe_all(this, provider, wanted)
        mine = {key.handle for key in o.ledger.keys}
        paired = {key.handle for key in listing if key.fingerprint in wanted}
        foreign = {handle for handle in paired - mine if world.ledgers.is_held(handle)}
        return Evidences(published, listing, verdicts, foreign, newest)

    async def _list(self, this: Pass, uid: str, provider: Provider) -> Sequence[ListedKey]:
        clock = asyncio.get_running_loop().time
        async with holding(self._locks.setdefault(uid, asyncio.Lock())):
            at, listing = self._listings.get(uid, (-LISTING_AGE, None))
            if listing is None or clock() - at > LISTING_AGE:
                listing = await heard_out(this, "list", this.world.accounts.take(uid, provider))
                fresh = {key: kept for key, kept in self._listings.items() if clock() - kept[0] <= LISTING_AGE}
                self._listings = {**fresh, uid: (clock(), listing)}
            return tuple(listing.keys.values()) if listing is not None else ()

    def _may_still_be_listed(self, this: Pass, found: Evidences, now: datetime) -> bool:
        """A key that is published and works, but is missing from the listing, gets the listing lag and another look."""
        provider = this.observation.provider
        assert provider is not None  # noqa: S101
        if not provider.capabilities.lists_values or not unpaired(this.observation.ledger, found):
            return False
        since = this.memory.recovering_since = this.memory.recovering_since or now
        until = since + provider.capabilities.listing_lag + timedelta(seconds=LISTING_AGE)
        if now < until:
            this.memory.pause(ACTIVITY, until)
        return now < until

    async def _store(self, this: Pass, result: Recovered, found: Evidences, *, rebuilt: bool) -> None:
        world, memory = this.world, this.memory
        await this.handle.store(result.ledger)
        memory.succeeded(ACTIVITY)
        memory.recovering_since = None
        for key in result.ledger.keys:
            if (verdict := found.verdicts.get(key.print or "")) is not None:
                memory.checked(key.name, world.now(), verdict)
        for print_ in result.orphans:
            world.ledgers.listener.orphaned(result.ledger, print_)
        await _tell(this, result, rebuilt=rebuilt, empty=not found.published)


def _not_now(o: Observation, reason: Reason, what: str, now: datetime) -> Problem | None:
    """Why the provider cannot be asked yet, None when it can."""
    if o.provider is None or o.provider_problem is not None or o.known_pool.spec is None:
        why = o.provider_problem.message if o.provider_problem else o.known_pool.spec_error or "no provider"
        return Problem(reason, f"{what}; it is made whole once this is mended: {why}", stalls=False)
    if not o.may(ACTIVITY, now):
        trouble = o.troubles.get(ACTIVITY)
        return Problem(reason, f"{what}; tried again soon: {trouble.message if trouble else ''}", stalls=False)
    return None


def _waits_for_budget(this: Pass, reason: Reason, what: str) -> Problem | None:
    """Why it is not the pool's turn yet; a listing and a probe of each key are to come."""
    provider = this.observation.provider
    if provider is None or may_call(this, Wanted(provider.uid, ACTIVITY, Rank.RENEW, this.observation.spec.size + 1)):
        return None
    return Problem(reason, f"{what}; it waits for the account's request budget", stalls=False)


def _most_are_rejected(this: Pass, found: Evidences, uid: str) -> bool:
    """Whether the brake holds, once it knows what the probes said of keys that serve."""
    for key in this.observation.ledger.inside(KeyState.ACTIVE):
        if (verdict := found.verdicts.get(key.print or "")) is not None:
            tell_the_brake(this, uid, key, Probe.ACCEPTED if verdict else Probe.REJECTED)
    return this.world.accounts.grip(uid) is not Grip.FREE


async def _tell(this: Pass, result: Recovered, *, rebuilt: bool, empty: bool) -> None:
    if rebuilt and empty:
        reason, text = Reason.LEDGER_MISSING, "the ledger was gone and nothing was published: earlier keys may live on"
    else:
        reason = Reason.LEDGER_REBUILT if rebuilt else Reason.LEDGER_RESTORED
        text = f"keys in the ledger now: {len(result.ledger.keys)}"
    this.world.auditor.ledger(result.ledger, "rebuilt" if rebuilt else "restored", text)
    if result.orphans:
        text += f"; published, working and not ours to revoke: {', '.join(result.orphans)}"
    await this.world.announcer.announce(this.subject, "Warning", reason, text)


async def _probe_all(this: Pass, provider: Provider, wanted: dict[str, SecretStr]) -> dict[str, bool]:
    """Every value's definite verdict. Raises ProviderError when one cannot be had."""
    limit = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(value: SecretStr) -> bool:
        async with limit:
            return await heard_out(this, "probe", provider.probe(value)) is Probe.ACCEPTED

    answers = await asyncio.gather(*map(one, wanted.values()), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return dict(zip(wanted, (answer is True for answer in answers), strict=True))


def _texts(data: dict[str, str]) -> dict[str, str]:
    return {entry: base64.b64decode(text or "").decode(errors="replace") for entry, text in data.items()}
