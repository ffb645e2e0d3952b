"""What one leadership knows of the accounts behind provider objects: listings, brakes, lost keys, confirmations."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keypool.cluster import confirmations
from keypool.cluster.client import KubeClient
from keypool.cluster.confirmations import Confirmation
from keypool.cluster.ledgers import LedgerBook
from keypool.core import asked
from keypool.core.account import Account, Expectation, account_of, identities_of, recorded_in
from keypool.core.brake import Brake, Grip
from keypool.core.claims import Doubt, Sighting, shown_absent, sighted
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.errand import holding, waiting_for_others
from keypool.providers.answers import Answers, Claim, weight
from keypool.providers.errors import ProviderError, PutOff
from keypool.providers.protocol import ListedKey, Provider
from keypool.reconcile.registry import Registry

MOST_REMEMBERED = 5000
"""Keys of one account of which it is remembered since when they are listed."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Listing:
    """A complete listing by handle, when it was begun and when it was there. It counts in the budget while it is."""

    begun: datetime
    ended: datetime
    keys: dict[str, ListedKey]
    claim: Claim | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class _Memory:
    """Of one provider object. `listing` was made through `provider`, and so were the `sightings`; `last`: when the
    latest listing was begun; `error`: how the latest of so many `tries` failed. `first`: the end of the first listing
    that had a key, by handle, through the client `by`, used `since` then; `answered`: when a listing or probe last
    succeeded; `remembers`: what `first` and `sightings` take."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    brake: Brake = field(default_factory=Brake)
    provider: Provider | None = None
    listing: Listing | None = None
    last: datetime | None = None
    sightings: dict[str, Sighting] = field(default_factory=dict)
    first: dict[str, datetime] = field(default_factory=dict)
    by: Provider | None = None
    since: datetime | None = None
    answered: datetime | None = None
    tries: int = 0
    error: ProviderError | None = None
    remembers: Claim | None = None

    def forget(self) -> None:
        """What was seen of keys that are not ours: it is gathered anew, and counted anew."""
        if self.remembers is not None:
            self.remembers.release()
        self.first, self.sightings, self.by, self.last, self.remembers = {}, {}, None, None, None


class Accounts:
    """`now` is the clock that decides about keys; `namespace` the operator's own."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        ledgers: LedgerBook,
        registry: Registry,
        now: Callable[[], datetime],
        *,
        answers: Answers | None = None,
    ) -> None:
        self._client, self._namespace, self._now = client, namespace, now
        self._ledgers, self._registry = ledgers, registry
        self._answers = answers or Answers()
        self._memories: dict[str, _Memory] = {}
        self._confirmed: dict[str, Confirmation] = {}

    async def load(self) -> None:
        """Reads what people confirmed, on taking the lead."""
        self._confirmed = await confirmations.load(self._client, self._namespace)

    # -- listings

    async def take(self, uid: str, provider: Provider) -> Listing:
        """A new listing. Raises ProviderError."""
        with waiting_for_others():
            async with self._answers.share(uid).listing("list the keys") as claim:
                begun = self._now()
                keys = await provider.list_keys()
                listing = Listing(begun, self._now(), {key.handle: key for key in keys}, claim)
                claim.keep(listing, keys)
        return listing

    async def listing(self, uid: str, provider: Provider, not_before: datetime) -> Listing:
        """A listing that began at `not_before` or later; pools that ask at the same time share one. Raises
        ProviderError."""
        memory = self._of(uid)
        asked = memory.tries
        async with holding(memory.lock):
            if memory.error is not None and memory.provider is provider and memory.tries > asked:
                raise memory.error  # of an attempt that others made while this one waited
            if memory.provider is not provider:
                memory.provider, memory.listing, memory.last, memory.sightings = provider, None, None, {}
            if memory.listing is None or memory.listing.begun < not_before:
                memory.listing = None  # no two of one account at a time
                memory.listing = await self._try(memory, uid, provider)
                self._let_go_for_others(memory, memory.listing)
                self.noted(uid, provider, memory.listing)
                self._sight(uid, memory, provider, memory.listing)
            return memory.listing

    def _sight(self, uid: str, memory: _Memory, provider: Provider, listing: Listing) -> None:
        """Remembers the keys that no ledger knows: only where names do not tell whose they are."""
        if not provider.capabilities.lists_names:
            unknown = {handle for handle, key in listing.keys.items() if key.active} - self._registry.handles()
            few = unknown if len(unknown) <= MOST_REMEMBERED else ()
            memory.sightings = sighted(memory.sightings, few, listing.ended, memory.last)
        memory.last = listing.begun
        self._count(uid, memory)

    def _count(self, uid: str, memory: _Memory) -> None:
        """What is remembered of other people's keys counts in the budget, and goes when others need the memory."""
        if memory.remembers is None:
            memory.remembers = self._answers.keepsake(uid, memory.forget)
        memory.remembers.size = sum(map(weight, (*memory.first, *memory.sightings)))
        try:
            self._answers.make_room(memory.remembers)
        except PutOff:
            memory.forget()

    def noted(self, uid: str, provider: Provider, listing: Listing) -> None:
        """Remembers since when each key is listed, but for the largest accounts: there, nothing is proven by it."""
        memory = self._of(uid)
        if memory.by is not provider:
            memory.first, memory.since = {}, listing.ended
        before = memory.first
        memory.by, memory.answered = provider, max(memory.answered or listing.ended, listing.ended)
        can = provider.capabilities
        known = can.lists_inactive and not can.lists_names and len(listing.keys) <= MOST_REMEMBERED
        memory.first = {handle: before.get(handle, listing.ended) for handle in listing.keys} if known else {}

    def heard(self, uid: str) -> None:
        """A probe succeeded; `remembers`: what `first` and `sightings` take."""
        self._of(uid).answered = self._now()

    def answered(self, uid: str | None) -> datetime | None:
        """When a listing or a probe last succeeded; None for never in this leadership."""
        memory = self._memories.get(uid) if uid is not None else None
        return memory.answered if memory is not None else None

    @staticmethod
    def _let_go_for_others(memory: _Memory, listing: Listing) -> None:
        """When they need the memory: it is listed again when it is asked for."""

        def drop() -> None:
            memory.listing = None

        if listing.claim is not None:
            listing.claim.evict = drop

    async def _try(self, memory: _Memory, uid: str, provider: Provider) -> Listing:
        memory.error = None
        try:
            return await self.take(uid, provider)
        except ProviderError as error:
            memory.error = error
            raise
        finally:
            memory.tries += 1

    def forget_listing(self, uid: str) -> None:
        """Drops the last listing, which may be long, when it is old."""
        memory = self._of(uid)
        if memory.listing is not None and self._now() - memory.listing.ended > timedelta(minutes=1):
            memory.listing = None

    # -- whose account

    def verdict(self, uid: str, provider: Provider, listing: Listing) -> Account:
        """Whether the listing is that of the account that has our keys. A ledger that is older than its pool's Secrets
        shows no other account: what it knows may have been replaced since."""
        expected = Expectation(
            provider=uid,
            visible=listing.begun - provider.capabilities.listing_lag,
            now=self._now(),
            rejected=self.brake(uid).rejected,
            confirmed=self.confirmed_since(uid),
        )
        found = account_of(self._at(uid), listing.keys, expected)
        if found is not Account.CHANGED:
            return found
        current = (ledger for ledger in self._at(uid) if not self._registry.is_behind(ledger))
        return account_of(current, listing.keys, expected)

    def confirmed_since(self, uid: str) -> datetime | None:
        """When a person said that the account is another one; None for never."""
        confirmed = self._confirmed.get(uid)
        return confirmed.since if confirmed is not None else None

    def is_handled(self, uid: str, token: str) -> bool:
        """Whether this token was used already."""
        confirmed = self._confirmed.get(uid)
        return confirmed is not None and asked.is_handled(token, confirmed.token, uid)

    async def confirm(self, uid: str, token: str) -> None:
        """From now on keys that exist already may be in another account. Durable on return; raises KubeError."""
        await self._remember(uid, Confirmation(asked.remembered(token, uid), self._now()))

    async def use_up(self, uid: str, token: str) -> None:
        """There was nothing to confirm: the token must not confirm a later change. Durable on return."""
        before = self._confirmed.get(uid)
        await self._remember(
            uid, Confirmation(asked.remembered(token, uid), before.since if before is not None else None)
        )

    async def _remember(self, uid: str, confirmation: Confirmation) -> None:
        await confirmations.store(self._client, self._namespace, uid, confirmation)
        self._confirmed[uid] = confirmation

    async def forget(self, uid: str, *, owed: bool) -> None:
        """The provider object is gone. While keys are `owed` there, it counts on which account they are in."""
        memory = self._memories.pop(uid, None)
        if memory is not None and memory.remembers is not None:
            memory.remembers.release()
        self._answers.forget(uid)
        if uid in self._confirmed and not owed:
            await confirmations.drop(self._client, self._namespace, uid)
            del self._confirmed[uid]

    def recorded(self) -> tuple[str, ...]:
        """UIDs of the providers about which something was confirmed."""
        return tuple(self._confirmed)

    # -- the brake

    def brake(self, uid: str) -> Brake:
        """What the probes of this account said."""
        return self._of(uid).brake

    def grip(self, uid: str | None) -> Grip:
        """Whether the brake holds."""
        memory = self._memories.get(uid) if uid is not None else None
        return memory.brake.grip if memory is not None else Grip.FREE

    def released(self, uid: str | None) -> datetime | None:
        """When the brake was last released; None for never."""
        memory = self._memories.get(uid) if uid is not None else None
        return memory.brake.released if memory is not None else None

    def judge(self, uid: str, listing: Listing) -> Grip:
        """Decides about the brake by a listing."""
        brake, now = self.brake(uid), self._now()
        ours = [key for ledger in self._at(uid) if not ledger.retained for key in ledger.keys if key.provider == uid]
        brake.keep({key.name for key in ours})
        shown = [key for key in ours if key.state in (KeyState.ACTIVE, KeyState.WITHDRAWN) and key.expires_at > now]
        active = {key.name for key in shown if _is_active(listing, key)}
        brake.listed({key.name: key.state is KeyState.WITHDRAWN for key in shown}, active)
        return brake.grip

    # -- lost keys

    def may_claim(self) -> bool:
        """Not while a ledger is missing, unreadable or outdated: it may know the key."""
        return self._registry.is_complete()

    def sightings(self, uid: str) -> dict[str, Sighting]:
        """The listed keys that no ledger knew, less those that one knows now. Read it, and claim, without a pause."""
        seen = self._of(uid).sightings
        known = self._registry.handles() if seen else set()
        return {handle: sighting for handle, sighting in seen.items() if handle not in known}

    def absent(self, uid: str, doubts: Iterable[Doubt], listing: Listing) -> frozenset[str]:
        """Those of the intents that made no key. Read it, and write it down, without a pause."""
        first, ledgers = self._of(uid).first, [handle.ledger for handle in self._ledgers.all()]
        known = recorded_in(ledgers, uid, {handle: key.fingerprint for handle, key in listing.keys.items()})
        unknown = {handle: first.get(handle) for handle in listing.keys if handle not in known}
        active = {handle for handle, key in listing.keys.items() if key.active}
        return shown_absent(doubts, unknown, identities_of(ledgers, active, uid), listing.begun, self._of(uid).since)

    def _at(self, uid: str) -> Iterator[Ledger]:
        """The ledgers with keys at that provider: this is asked for each pool, so nobody looks through all."""
        handles = map(self._ledgers.get, self._ledgers.owed.pools_at(uid))
        return (handle.ledger for handle in handles if handle is not None)

    def _of(self, uid: str) -> _Memory:
        return self._memories.setdefault(uid, _Memory())


def _is_active(listing: Listing, key: KeyRecord) -> bool:
    found = listing.keys.get(key.handle or "")
    return found is not None and found.active
