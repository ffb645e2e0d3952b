"""What one leadership remembers of a pool besides its ledger: probes, failures, pauses. Losing it loses nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keypool.core.ledger import KeyRecord
from keypool.core.limits import Usage
from keypool.core.observation import Checked, Reading
from keypool.core.pace import NONE, LastKeys
from keypool.core.reasons import Reason, Trouble
from keypool.core.rules.publication import PEACE, REPAIR

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)
LONGEST_OWED = timedelta(hours=1)
"""What a pool that is gone owes is tried for ever: so its pauses grow longer. A leaked key's do not."""
AT_ONCE, LONGEST_REPAIR, CALM = 3, timedelta(minutes=1), timedelta(minutes=1)
"""So many repairs of Secrets in a row are made at once; longest pause between two; so long nobody changed them."""


@dataclass(slots=True)
class Memory:
    """One pool's memory. Activities: create, publish, lookup, gone, cluster, finalizer, recover; and probe:<key>,
    likewise usage, repeat, update, disable, enable and revoke. `answered`: when what is being proven was first
    answered. `waiting`: those that wait for the account's request budget; `creates`: how many create calls it has
    granted, None for any. `owes`: the pool is gone, and no leak among its keys. `last_keys`: when slots
    got keys (see `core.pace`); `emptied`: those that lost a published one since. `asked`: how often each provider was
    asked about lost calls of a pool that is gone."""

    checks: dict[str, Checked] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    wait_until: dict[str, datetime] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    answered: dict[str, datetime] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    creates: int | None = None
    sent: frozenset[str] = frozenset()
    generation: int = 0
    provider_usable: bool = True
    recovering_since: datetime | None = None
    repairs: int = 0
    owes: bool = False
    last_keys: dict[int, LastKeys] = field(default_factory=dict)
    emptied: set[int] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)

    def checked(
        self,
        key: str,
        at: datetime,
        accepted: bool,
        asked: datetime | None = None,
        released: datetime | None = None,
    ) -> None:
        """A definite answer of a probe; `asked`: when the question was put. `released`: when the brake was last; what
        was rejected before that is not the first of those that count."""
        before = self.checks.get(key)
        rejections = 0 if accepted else (before.rejections if before else 0) + 1
        counts = before is not None and rejections > 1 and (released is None or before.at > released)
        first = before.first if before is not None and counts else at
        self.checks[key] = Checked(at, accepted, rejections, None if accepted else first, asked)
        self.succeeded(f"probe:{key}")

    def made(self, key: KeyRecord, at: datetime, *, again: bool) -> None:
        """A key was made for a slot; `again`: a published one of the slot is on its way out."""
        again = again or key.slot in self.emptied
        self.emptied.discard(key.slot)
        self.last_keys[key.slot] = self.last_keys.get(key.slot, NONE).after(key.why, at, again=again)

    def usage(self) -> dict[str, Usage]:
        """The latest readings by key."""
        return {name: reading.usage for name, reading in self.readings.items()}

    def failed(
        self, activity: str, reason: Reason, message: str, now: datetime, jitter: float, *, person: bool = False
    ) -> None:
        """Notes a failure and doubles the pause before the activity is tried again."""
        self.waiting -= {activity}
        before = self.troubles.get(activity)
        attempts = before.attempts + 1 if before else 1
        self.troubles[activity] = Trouble(reason, message, person, attempts)
        longest = LONGEST_OWED if self.owes else LONGEST_PAUSE
        pause = min(FIRST_PAUSE * 2 ** min(attempts - 1, 12), longest)
        self.wait_until[activity] = now + pause * (0.75 + jitter / 2)

    def throttled(
        self, activity: str, message: str, now: datetime, retry_after: timedelta | None, jitter: float
    ) -> None:
        """Not before the provider said, nor before our own pause: a provider that says "now" again and again is not
        to be called in a loop. Up to a quarter later, and no more than a minute, so that pools which were told the same
        do not come together."""
        self.failed(activity, Reason.PROVIDER_THROTTLED, message, now, jitter)
        if retry_after is not None:
            later = min(retry_after / 4, timedelta(minutes=1)) * jitter
            self.wait_until[activity] = max(self.wait_until[activity], now + retry_after + later)

    def pause(self, activity: str, until: datetime) -> None:
        """Not before then, although nothing is wrong."""
        self.wait_until[activity] = until

    def first_answered(self, activity: str, now: datetime) -> datetime:
        """When the provider first said that it did what was asked: from then on its lag counts."""
        return self.answered.setdefault(activity, now)

    def wait_as_planned(self, activity: str, until: datetime) -> None:
        """It takes its time, as it may: nothing is wrong any more."""
        self.troubles.pop(activity, None)
        self.wait_until[activity] = until

    def put_off(self, activity: str, until: datetime, trouble: Trouble | None) -> None:
        """Not before its turn comes, or else then; `trouble` where it has waited for long."""
        self.pause(activity, until)
        self.waiting |= {activity}
        if trouble is not None:
            self.troubles[activity] = trouble

    def resume(self, activity: str) -> None:
        """Its turn has come."""
        if activity in self.waiting:
            self.waiting -= {activity}
            self.troubles.pop(activity, None)
            self.wait_until.pop(activity, None)

    def next_try(self, now: datetime) -> datetime | None:
        """When the first of the pauses that still run ends."""
        return min((until for until in self.wait_until.values() if until > now), default=None)

    def succeeded(self, activity: str) -> None:
        """The activity works again."""
        self.waiting -= {activity}
        self.troubles.pop(activity, None)
        self.wait_until.pop(activity, None)
        self.answered.pop(activity, None)

    def held_out(self, activity: str, now: datetime) -> None:
        """What was done held for the whole pause: the next time is a first time again."""
        if activity in self.troubles and self.wait_until.get(activity, now) <= now:
            self.succeeded(activity)

    def repaired(self, message: str, now: datetime, jitter: float) -> bool:
        """A Secret was written back. Who fights for it is left alone for longer and longer; True when that begins."""
        self.repairs += 1
        if self.repairs > AT_ONCE:
            self.failed(REPAIR, Reason.SECRET_FOUGHT, message, now, jitter)
            self.wait_until[REPAIR] = min(self.wait_until[REPAIR], now + LONGEST_REPAIR)
        self.wait_until[PEACE] = self.wait_until.get(REPAIR, now) + CALM
        return self.repairs == AT_ONCE + 1

    def calm_down(self, now: datetime) -> None:
        """Nobody changed the Secrets for a while: the next change is repaired at once again."""
        if self.repairs and self.wait_until.get(PEACE, now) <= now:
            self.repairs = 0
            self.succeeded(REPAIR)
            self.succeeded(PEACE)

    def new_generation(self, generation: int) -> bool:
        """Whether it is another spec: that deserves another try at once."""
        if generation == self.generation:
            return False
        self.generation = generation
        self.succeeded("create")
        self.succeeded("publish")
        return True

    def provider_is(self, usable: bool) -> bool:
        """Notes whether the provider can be used; True when it has just become usable: then nothing has to wait.

        Except for what was refused again although the provider took the credential meanwhile: a credential may be good
        for listing and not for creating, and then every look at the provider would start the next attempt.
        """
        recovered, self.provider_usable = usable and not self.provider_usable, usable
        if recovered:
            self.troubles = {a: t for a, t in self.troubles.items() if t.reason is Reason.CREDENTIAL_REJECTED}
            again = {activity for activity, trouble in self.troubles.items() if trouble.attempts > 1}
            self.wait_until = {activity: until for activity, until in self.wait_until.items() if activity in again}
        return recovered

    def forget_keys(self, known: Callable[[str], bool]) -> None:
        """Drops what is remembered about keys that are not in the ledger any more."""
        for name in [name for name in self.checks if not known(name)]:
            del self.checks[name]
        self.readings = {name: reading for name, reading in self.readings.items() if known(name)}
        activities = [a for a in (*self.troubles, *self.wait_until, *self.answered) if ":" in a]
        for activity in [a for a in activities if not known(a.split(":", 1)[1])]:
            self.succeeded(activity)
        self.sent = frozenset(filter(known, self.sent))
