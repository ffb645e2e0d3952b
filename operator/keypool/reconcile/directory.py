"""The providers as this process knows them: one client for each provider object, and whether it can be used."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.cluster import keepsakes
from keypool.cluster.client import KubeClient
from keypool.core.observation import Problem, ProviderFacts
from keypool.core.reasons import Reason
from keypool.errand import holding
from keypool.providers.adapter import Adapter
from keypool.providers.answers import Answers, Share
from keypool.providers.boundary import Bounded, built
from keypool.providers.errors import ProviderError
from keypool.providers.protocol import Provider
from keypool.reconcile.budgets import Budgets
from keypool.reconcile.entry import Entry as Entry  # noqa: PLC0414 - whoever asks for one gets it from here

Build = Callable[..., Provider]
Called = Callable[[str, str, str, str, float], None]
"""Is told of each call: UID and kind of the provider, which call, its outcome, its seconds."""
Prepare = Callable[..., Awaitable[None]]
"""Of the spec, the credential, the `meter` of the account's requests and the `share` of memory for its answers."""

_log = logging.getLogger(__name__)

DOUBTFUL = 3
"""Calls without a usable answer after which a provider is looked at anew."""
UNCHECKED = Problem(Reason.PROVIDER_NOT_READY, "the provider has not been checked yet", stalls=False)


class Directory:
    """`build` makes a provider's client; `namespace` is the operator's own; `budgets` count all clients' requests.
    `changed` is told the UID of a provider whose endpoints changed; `prepare` makes what clients trust; `on_call` is
    told of each call."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        build: Build,
        budgets: Budgets,
        changed: Callable[[str], None] = lambda _: None,
        *,
        answers: Answers | None = None,
        prepare: Prepare | None = None,
        on_call: Called = lambda *_: None,
    ) -> None:
        self._client, self._namespace, self._build, self._changed = client, namespace, build, changed
        self._budgets, self._answers, self._prepare = budgets, answers or Answers(), prepare
        self._on_call = on_call
        self._entries: dict[str, Entry] = {}
        self._candidates: list[Entry] = []
        self._problems: dict[str, Problem | None] = {}
        self._withheld: dict[str, Problem] = {}
        self._unanswered: dict[str, int] = {}
        self._kept: set[str] = set()
        self._with_keys = frozenset[str]()
        self._renewing = asyncio.Lock()  # else one that is just renewed would be stored after it was dropped
        self._closing: set[asyncio.Task[None]] = set()

    async def prepare(self, uid: str, spec: KeyProviderSpec) -> None:
        """What takes long of making a client, off the loop."""
        if self._prepare is not None and spec.ca_bundle is not None:
            share = self._share(uid)
            await self._prepare(spec.ca_bundle, share.owner, replaces=share.replaces)

    def enter(self, uid: str, name: str, spec: KeyProviderSpec, credential: SecretStr) -> Entry:
        """Makes, or keeps, the client of a provider object. Raises ProviderError when it cannot be built."""
        known = self._entries.get(uid)
        if known is not None and known.has(spec, credential):
            return known
        entry = self.candidate(uid, name, spec, credential)
        self._put(entry)
        return entry

    def candidate(self, uid: str, name: str, spec: KeyProviderSpec, credential: SecretStr) -> Entry:
        """A client that is not in use; `trust` it, or `discard` it. Raises ProviderError when it cannot be built."""
        entry = Entry(uid, name, spec, credential, self._make(uid, spec, credential))
        self._candidates.append(entry)
        return entry

    def _make(self, uid: str, spec: KeyProviderSpec, credential: SecretStr) -> Provider:
        meter, share = self._budgets.account(uid), self._share(uid)
        made = built(partial(self._build, spec, credential, meter=meter, share=share))
        on_call = partial(self._on_call, uid, spec.kind)
        provider = Bounded(made, sends_here=isinstance(made, Adapter), on_call=on_call)
        provider.watch_endpoints(partial(self._changed, uid))
        return provider

    def _share(self, uid: str) -> Share:
        known = self._entries.get(uid)
        return self._answers.share(uid, replaces=known is not None and known.spec.ca_bundle is not None)

    def trust(self, entry: Entry) -> None:
        """The client was proven: from now on it is the one in use."""
        entry.trusted = True
        self._put(entry)

    async def renew(self, uid: str) -> None:
        """Where a credential is kept, the one that is in use is to be it. Raises KubeError."""
        async with holding(self._renewing):
            if uid in self._kept:
                await self._keep(uid)

    def _put(self, entry: Entry) -> None:
        self._candidates = [other for other in self._candidates if other is not entry]
        known, self._entries[entry.uid] = self._entries.get(entry.uid), entry
        if known is not None and known is not entry:
            self.discard(known)

    def discard(self, entry: Entry) -> None:
        """Closes its client when its calls are done, which nobody waits for."""
        self._candidates = [other for other in self._candidates if other is not entry]
        task = asyncio.create_task(entry.provider.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def forget(self, uid: str) -> None:
        """The object is gone, and no key is left that needs its client."""
        if (entry := self._entries.pop(uid, None)) is not None:
            self.discard(entry)
        for known in (self._problems, self._withheld, self._unanswered):
            known.pop(uid, None)

    def get(self, uid: str) -> Entry | None:
        """The entry of a provider object that was usable once."""
        return self._entries.get(uid)

    def has_keys(self, uids: Collection[str]) -> None:
        """These had keys when the leadership began, so they were good once."""
        self._with_keys = frozenset(uids)

    def proven(self, uid: str) -> bool:
        """Whether the provider has, or had, a good client: it is looked at before those that are new."""
        entry = self._entries.get(uid)
        return uid in self._with_keys if entry is None else entry.trusted or uid in self._with_keys

    def set_problem(self, uid: str, problem: Problem | None) -> None:
        """Why the provider cannot be used, None when it can."""
        self._problems[uid] = problem

    def problem(self, uid: str) -> Problem | None:
        """Why the provider cannot be used. One that has a client, but was not checked with it, cannot be used yet."""
        return self._problems.get(uid, UNCHECKED)

    def withhold(self, uid: str, problem: Problem | None) -> None:
        """The credential that is in use may not be used for new keys any more; None: it may."""
        self._withheld.pop(uid, None)
        if problem is not None:
            self._withheld[uid] = problem

    def withheld(self, uid: str) -> Problem | None:
        """Why no key may be made with the credential, which probes and revokes as before; None where any may."""
        return self._withheld.get(uid)

    def concern(self, uid: str) -> Problem | None:
        """What pools are told of the provider."""
        return self.withheld(uid) or self.problem(uid)

    def unanswered(self, uid: str) -> bool:
        """A call to the provider got no usable answer; True when that makes it doubtful."""
        self._unanswered[uid] = self._unanswered.get(uid, 0) + 1
        return self._unanswered[uid] == DOUBTFUL

    def doubt(self, uid: str) -> None:
        """The provider is to be looked at anew."""
        self._unanswered[uid] = max(self._unanswered.get(uid, 0), DOUBTFUL)

    def doubtful(self, uid: str) -> bool:
        """Whether several calls got no usable answer since the provider was last looked at."""
        return self._unanswered.get(uid, 0) >= DOUBTFUL

    def looked_at(self, uid: str) -> None:
        """The provider was asked whether it answers."""
        self._unanswered.pop(uid, None)

    def facts(self, uid: str) -> ProviderFacts | None:
        """What the planner needs to know; None before the provider could be built."""
        entry = self._entries.get(uid)
        if entry is None:
            return None
        endpoints = entry.provider.endpoints()
        urls = {
            endpoint.url: _used_at(entry.provider.base_url, endpoints[0].url, endpoint.url) for endpoint in endpoints
        }
        return ProviderFacts(
            uid,
            entry.name,
            entry.provider.base_url,
            entry.provider.capabilities,
            kind=entry.spec.kind,
            exclusive=entry.spec.exclusive_account,
            base_urls=tuple(urls.values()),
            preset=entry.spec.preset,
            dialects=entry.spec.dialects or (),
            ca=entry.bundle,
            endpoints=tuple(urls),
            url_in_use=next((urls[endpoint.url] for endpoint in endpoints if endpoint.in_use), None),
            notice=entry.provider.notice,
        )

    async def recall(self, uid: str) -> Entry | None:
        """The entry that a key of this provider is revoked through: the live one, else one from what was kept."""
        if uid not in self._entries:
            kept = await keepsakes.recall(self._client, self._namespace, uid)
            if kept is None:
                return None
            spec, credential, authorities = kept
            await self.prepare(uid, spec)
            if uid in self._entries:  # it was entered, or recalled, meanwhile
                return self._entries[uid]
            try:
                self._budgets.configure(uid, spec.request_budget, None)
                provider = self._make(uid, spec, credential)
            except ProviderError:
                _log.error("the record kept of provider %s is of no use: its endpoint or credential is refused", uid)
                return None
            self._entries[uid] = Entry(uid, "", spec, credential, provider, kept=True, authorities=authorities)
        return self._entries[uid]

    async def keep(self, uid: str) -> None:
        """Stores the credential beside the ledgers: something is owed there. One that was not proven never takes the
        place of another, and one of another account is of no use."""
        async with holding(self._renewing):
            await self._keep(uid)

    async def _keep(self, uid: str) -> None:
        entry, problem = self._entries.get(uid), self.problem(uid)
        if entry is None or entry.kept:
            return
        foreign = problem is not None and problem.reason is Reason.ACCOUNT_CHANGED
        if entry.trusted or not (uid in self._kept or foreign):
            kept = keepsakes.Kept(entry.spec, entry.credential, entry.authorities)
            await keepsakes.keep(self._client, self._namespace, uid, kept)
            self._kept.add(uid)
            entry.kept = True

    async def load_kept(self) -> None:
        """Finds out, on taking the lead, whose credentials are kept."""
        self._kept = await keepsakes.all_kept(self._client, self._namespace)

    def kept(self) -> frozenset[str]:
        """UIDs of the providers whose credentials are kept."""
        return frozenset(self._kept)

    def readable(self, uid: str) -> bool:
        """Whether the credential can be read again from its Secret, as far as is known: not where that withdrew its
        consent, nor where nobody looked yet."""
        return uid in self._problems and uid not in self._withheld

    async def drop_kept(self, uids: Collection[str], needed: Callable[[str], bool]) -> None:
        """Forgets the kept credentials of these providers where nothing needs them any more, which is asked in that
        moment: whatever needs one from then on keeps it anew."""
        async with holding(self._renewing):
            for uid in self._kept.intersection(uids):
                if needed(uid):
                    continue
                await keepsakes.drop(self._client, self._namespace, uid)
                self._kept.discard(uid)
                if uid in self._entries:
                    self._entries[uid].kept = False

    async def close(self) -> None:
        """Closes all clients."""
        for entry in (*self._entries.values(), *self._candidates):
            await entry.provider.close()
        await asyncio.gather(*self._closing)


def _used_at(base_url: str, preferred: str, url: str) -> str:
    """Where workloads use keys while this endpoint is in use: with what the adapter adds to the preferred one, such as
    /v1; or always the same, where keys are used elsewhere than they are made."""
    is_below = base_url == preferred or base_url.startswith(f"{preferred}/")
    return url + base_url.removeprefix(preferred) if is_below else base_url
