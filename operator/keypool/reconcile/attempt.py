"""Attempts to prove a provider's client: with growing pauses, however often somebody asks, until something changes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from keypool.api.provider_budget import RequestBudget
from keypool.core.annotations import CONFIRM
from keypool.core.breaker import State
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.reconcile.account_budget import counted
from keypool.reconcile.directory import Entry
from keypool.reconcile.provider_object import subject
from keypool.reconcile.proving import prove
from keypool.reconcile.world import World

SOONEST, LATEST = 2.0, 60.0
"""Seconds between two attempts with the same credential."""
CHECK = timedelta(minutes=4)
"""After this time the provider is asked whether it still takes the credential, where no call told."""
FEW = 5000
"""Keys of an account: one with more is asked less often, as each answer takes as much longer."""
PART = 10
"""These checks take at most a tenth of an account's request budget."""
_SAY_NOTHING = frozenset({Reason.LISTING_PUT_OFF, Reason.ANSWER_TOO_LARGE, Reason.PROVIDER_THROTTLED})
"""Of the credential: the account's request budget may be used up, which keeps nobody from answering a leak."""
TOO_LARGE = 600.0
"""The same after an answer that was too large: reading it as far as it goes costs others time."""


def may_be_tried_again(entry: Entry) -> bool:
    """Whether an endpoint that failed lets one call through, to find out whether it works."""
    return any(endpoint.state is State.HALF_OPEN for endpoint in entry.provider.endpoints())


def is_to_be_checked(entry: Entry, quota: RequestBudget | None, now: datetime) -> bool:
    """Whether nobody knows any more that the provider takes the credential of a client in use: pools may not need it
    for weeks, and then at once. Not where there is none to ask about."""
    if not (entry.trusted and entry.provider.capabilities.lists_keys):
        return False
    every = CHECK * max(1.0, entry.listed / FEW)
    if quota is not None:
        for calls, of in ((quota.per_minute, timedelta(minutes=1)), (quota.per_day, timedelta(days=1))):
            every = max(every, of * PART * entry.requests / calls) if calls else every
    return entry.accepted is None or not timedelta(0) <= now - entry.accepted < every


@dataclass(slots=True)
class Attempt:
    """The last attempt: with `entry` and `token`. `problem`: why it failed `failures` times in a row; it is not made
    again before `until`, or an endpoint may be tried again."""

    entry: Entry | None = None
    token: str = ""
    problem: Problem | None = None
    failures: int = 0
    until: datetime | None = None

    def wait(self, now: datetime) -> float | None:
        """Seconds until it may be made again; None when it did not fail. Also after the clock went back: at most
        `LATEST`."""
        if self.until is None:
            return None
        return min(max((self.until - now).total_seconds(), 0.0), LATEST)

    def is_of_another_word(self, entry: Entry, token: str) -> bool:
        """Whether it was made with the same client, and people confirm something else now."""
        return self.entry is entry and bool(token) and self.token != token

    def put_off(self, now: datetime) -> Problem | None:
        """Not now. Why it failed before, None where it did not."""
        self.until = max(self.until or now, now + timedelta(seconds=SOONEST))
        return self.problem

    async def anew(self, world: World, entry: Entry) -> Problem | None:
        """What is wrong with the client in use while another is to replace it: proven again if in doubt. Raises
        KubeError."""
        directory = world.directory
        problem = directory.problem(entry.uid)
        if problem is not None or directory.doubtful(entry.uid) or may_be_tried_again(entry):
            problem = await self.make(world, entry, "")
            directory.looked_at(entry.uid)
        return problem

    async def check(self, world: World, entry: Entry) -> Problem | None:
        """What is definitely wrong with a client that was good so far. That there is no answer says nothing, unless it
        happens again and again. Raises KubeError."""
        if self.entry is entry and self.problem is not None and self.wait(world.now()):
            return None
        problem = await self.make(world, entry, "")
        if problem is None:
            world.directory.looked_at(entry.uid)
        if problem is None or problem.reason in _SAY_NOTHING:
            return None
        return problem if problem.stalls or world.directory.unanswered(entry.uid) else None

    async def make(self, world: World, entry: Entry, token: str) -> Problem | None:
        """None when the client was proven, and so is in use. `token` confirms that it is another account's. Raises
        KubeError."""
        same = self.entry is entry and self.token == token
        if same and self.problem is not None and self.wait(world.now()) and not may_be_tried_again(entry):
            return self.problem
        with counted() as requests:
            proof = await prove(world, entry.uid, entry.provider)
        self.problem = proof.problem
        if token and proof.problem is not None and proof.problem.reason is Reason.ACCOUNT_CHANGED:
            await world.accounts.confirm(entry.uid, token)
            if (obj := world.cache.provider_by_uid(entry.uid)) is not None:
                world.auditor.confirmed(subject(obj), obj, CONFIRM, token, "")
            self.problem = None
        if self.problem is None:
            self.failures, self.until = 0, None
            world.directory.trust(entry)
            entry.accepted, entry.requests = world.now(), max(requests(), 1)
            entry.listed = len(proof.listing.keys) if proof.listing is not None else 0
            if proof.listing is not None:
                world.accounts.judge(entry.uid, proof.listing)
            return None
        self.entry, self.token = entry, token
        self.failures = self.failures + 1 if same else 1
        pause = min(SOONEST * 2 ** min(self.failures - 1, 6), LATEST)
        if self.problem.reason is Reason.ANSWER_TOO_LARGE:
            pause = TOO_LARGE
        self.until = world.now() + timedelta(seconds=pause)
        return self.problem
