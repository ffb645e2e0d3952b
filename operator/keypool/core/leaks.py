"""Leaks that are reported and not contained: which keys, since when, and why they live on. Pure.

Whoever reported a leak takes it for dealt with. So a key that is reported compromised is told of until it is proven
dead, whatever keeps it alive; likewise a report that could not be read yet, or that names no key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from textwrap import shorten

from keypool.core import asked
from keypool.core.brake import Grip
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.rotation import Why, is_compromised
from keypool.core.rules import intents
from keypool.core.standing import standing

REPORTS = (Reason.COMPROMISED_UNKNOWN, Reason.COMPROMISE_WAITS)
"""Told before all else that needs a person."""
_OUT = (KeyState.REVOKING, KeyState.OWED, KeyState.DISABLED)
_LOST = (KeyState.UNRESOLVED, KeyState.HELD, KeyState.INTENDED)
_WHY_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Leak:
    """`keys` are reported and not proven dead; `exposed`: one of them stands in a Secret; `unread`: a report waits, or
    names no key; `pasted`: the annotation holds the value of one of them. `since` is None where only `unread` is
    known."""

    keys: tuple[KeyRecord, ...]
    exposed: bool
    unread: bool
    pasted: bool
    why: Problem

    @property
    def since(self) -> datetime | None:
        """When the first of them was reported."""
        return min((key.reported_at for key in self.keys if key.reported_at is not None), default=None)

    @property
    def count(self) -> int:
        """How many keys, or reports, are not dealt with."""
        return len(self.keys) + self.unread

    @property
    def message(self) -> str:
        """Which keys, since when and why. It says nothing that changes by itself."""
        why = f"{self.why.reason.value}: {shorten(self.why.message, _WHY_LENGTH, placeholder=' …')}"
        if not self.keys:
            return f"a key is reported compromised, and nothing is done for it yet. {why}"
        first = self.keys[0]
        more = f" and {len(self.keys) - 1} more" if len(self.keys) > 1 else ""
        since = f" since {self.since:%Y-%m-%d %H:%M:%SZ}" if self.since is not None else ""
        where = ", still in the Secret" if self.exposed else ""
        pasted = ". The annotation holds its value: remove it there" if self.pasted else ""
        named = f"{first.name} ({first.print})" if first.print else first.name
        return f"not proven dead: {named}{more}, reported compromised{since}{where}{pasted}. {why}"


def uncontained(o: Observation, problems: Iterable[Problem]) -> Leak | None:
    """None when no leak is reported, or all reported keys are proven dead."""
    keys, request = tuple(key for key in o.ledger.keys if is_compromised(key)), o.known_pool.compromised
    waits = request is not None and not asked.is_handled(request, o.ledger.handled_compromised, o.ledger.pool_uid)
    unread = waits or (request is not None and bool(o.ledger.unmatched))
    if not keys and not unread:
        return None
    problems = tuple(problems)
    report = asked.read(request) if request is not None and keys else None
    why = _why_it_waits(o, problems) if waits else _why_it_lives(o, problems, keys[0]) if keys else _unknown(problems)
    exposed = any(key in keys for key in standing(o))
    pasted = report is not None and any(report.holds_value_of(key) for key in keys)
    return Leak(keys, exposed, unread, pasted, why)


def _why_it_waits(o: Observation, problems: tuple[Problem, ...]) -> Problem:
    """Why a report is not even marked on its keys."""
    if o.known_pool.deleted_at is not None:
        return Problem(Reason.DELETING, "the pool is being deleted, and all of its keys are revoked")
    told = [problem for problem in (o.recovery, *problems) if problem is not None]
    told.sort(key=lambda problem: problem.reason not in REPORTS)
    return told[0] if told else Problem(Reason.COMPROMISE_WAITS, "the report was not looked at yet")


def _unknown(problems: tuple[Problem, ...]) -> Problem:
    named = (problem for problem in problems if problem.reason is Reason.COMPROMISED_UNKNOWN)
    return next(named, Problem(Reason.COMPROMISED_UNKNOWN, "the report names no key of this pool"))


def _why_it_lives(o: Observation, problems: tuple[Problem, ...], key: KeyRecord) -> Problem:
    if key.state in _LOST:
        text = "the answer to its create call was lost, so nobody knows what to revoke"
        unlistable = intents.unlistable(o, key)
        return Problem(Reason.ANSWER_LOST, f"{text}. {unlistable}" if unlistable is not None else text)
    if key.why == Why.SUPPLIED and key.state is KeyState.OWED:
        return Problem(
            Reason.MANUAL_REVOCATION, "revoke it at the provider; then annotate keypool.dev/revoked=FINGERPRINT"
        )
    if key.state in _OUT:
        return _of_revoking(o, key)
    if o.recovery is not None:
        return o.recovery
    if o.known_pool.spec is not None and o.known_pool.spec.suspend and o.known_pool.deleted_at is None:
        return Problem(Reason.COMPROMISE_WAITS, "spec.suspend is true, so nothing is replaced or revoked")
    return _of_replacing(o, problems)


def _of_revoking(o: Observation, key: KeyRecord) -> Problem:
    """What keeps a provider from being used for new keys need not keep keys from being revoked there, such as a listing
    that is too large: only what befell the revocation itself is told."""
    for activity in (f"revoke:{key.name}", f"disable:{key.name}"):
        if (trouble := o.troubles.get(activity)) is not None:
            return Problem(trouble.reason, trouble.message)
    return Problem(Reason.REVOKING, "it is being revoked; some providers accept a deleted key for a while")


def _of_replacing(o: Observation, problems: tuple[Problem, ...]) -> Problem:
    """A leaked key that serves goes once another one is published: what keeps that from happening."""
    brake = Problem(Reason.MOST_KEYS_REJECTED, "nothing is made while the provider rejects most keys of the account")
    outside = (o.contested, o.secret_problem, *_troubles(o, "publish", "cluster"), o.provider_problem, o.refused)
    stalling = (problem for problem in problems if problem.stalls and problem.reason not in REPORTS)
    held = brake if o.grip is not Grip.FREE else None
    found = (*outside, held, *stalling, *_troubles(o, "create", "lookup", *sorted(o.troubles)))
    first = next((problem for problem in found if problem is not None), None)
    return first or Problem(Reason.CREATING_KEYS, "its successor is being made, proven and published")


def _troubles(o: Observation, *activities: str) -> tuple[Problem, ...]:
    known = (o.troubles.get(activity) for activity in activities)
    return tuple(Problem(trouble.reason, trouble.message) for trouble in known if trouble is not None)
