"""The providers as this process knows them: one client for each provider object, and whether it can be used."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.cluster import keepsakes
from keypool.cluster.client import KubeClient
from keypool.core.observation import Problem, ProviderFacts
from keypool.core.reasons import Reason
from keypool.providers.errors import ProviderError
from keypool.providers.protocol import Provider

Build = Callable[[KeyProviderSpec, SecretStr], Provider]

_log = logging.getLogger(__name__)

DOUBTFUL = 3
"""Calls without a usable answer after which a provider is looked at anew."""
UNCHECKED = Problem(Reason.PROVIDER_NOT_READY, "the provider has not been checked yet", stalls=False)


@dataclass(slots=True)
class Entry:
    """One provider object. It outlives its object as long as the process runs: keys at it may still be owed.

    `kept`: this very credential is stored beside the ledgers.
    """

    uid: str
    name: str
    spec: KeyProviderSpec
    credential: SecretStr
    provider: Provider
    kept: bool = False


class Directory:
    """`build` makes a provider's client; `namespace` is the operator's own."""

    def __init__(self, client: KubeClient, namespace: str, build: Build) -> None:
        self._client, self._namespace, self._build = client, namespace, build
        self._entries: dict[str, Entry] = {}
        self._problems: dict[str, Problem | None] = {}
        self._unanswered: dict[str, int] = {}
        self._kept: set[str] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def enter(self, uid: str, name: str, spec: KeyProviderSpec, credential: SecretStr) -> Entry:
        """Makes, or keeps, the client of a provider object. Raises ProviderError when it cannot be built."""
        known = self._entries.get(uid)
        if known is not None and known.spec == spec and known.credential == credential:
            return known
        entry = Entry(uid, name, spec, credential, self._build(spec, credential))
        self._entries[uid] = entry
        if known is not None:
            self._retire(known.provider)
        return entry

    def _retire(self, provider: Provider) -> None:
        """Closes it when its calls are done, which nobody waits for."""
        task = asyncio.create_task(provider.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def get(self, uid: str) -> Entry | None:
        """The entry of a provider object that was usable once."""
        return self._entries.get(uid)

    def set_problem(self, uid: str, problem: Problem | None) -> bool:
        """Why the provider cannot be used, None when it can; True when that is news."""
        before = self.problem(uid)
        self._problems[uid] = problem
        return before != problem

    def problem(self, uid: str) -> Problem | None:
        """Why the provider cannot be used. One that has a client, but was not checked with it, cannot be used yet."""
        return self._problems.get(uid, UNCHECKED)

    def unanswered(self, uid: str) -> bool:
        """A call to the provider got no usable answer; True when that makes it doubtful."""
        self._unanswered[uid] = self._unanswered.get(uid, 0) + 1
        return self._unanswered[uid] == DOUBTFUL

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
        return ProviderFacts(uid, entry.name, entry.provider.base_url, entry.provider.capabilities)

    async def client_for(self, uid: str) -> Provider | None:
        """The client that a key of this provider is revoked through: the live one, else from what was kept."""
        if uid not in self._entries:
            kept = await keepsakes.recall(self._client, self._namespace, uid)
            if kept is None:
                return None
            spec, credential = kept
            if uid in self._entries:  # it was entered, or recalled, meanwhile
                return self._entries[uid].provider
            try:
                provider = self._build(spec, credential)
            except ProviderError:
                _log.error("the record kept of provider %s is of no use: its endpoint or credential is refused", uid)
                return None
            self._entries[uid] = Entry(uid, "", spec, credential, provider, kept=True)
        return self._entries[uid].provider

    async def keep(self, uid: str) -> None:
        """Stores the credential beside the ledgers: something is owed there."""
        entry = self._entries.get(uid)
        if entry is not None and not entry.kept:
            await keepsakes.keep(self._client, self._namespace, uid, entry.spec, entry.credential)
            self._kept.add(uid)
            entry.kept = True

    async def load_kept(self) -> None:
        """Finds out, on taking the lead, whose credentials are kept."""
        self._kept = await keepsakes.all_kept(self._client, self._namespace)

    async def drop_kept_except(self, owed: set[str]) -> None:
        """Forgets the kept credentials of providers at which nothing is owed any more."""
        for uid in self._kept - owed:
            await keepsakes.drop(self._client, self._namespace, uid)
            self._kept.discard(uid)
            if uid in self._entries:
                self._entries[uid].kept = False

    async def close(self) -> None:
        """Closes all clients."""
        for entry in self._entries.values():
            await entry.provider.close()
        await asyncio.gather(*self._closing)
