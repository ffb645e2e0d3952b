"""What happens next to a pool, in words: the next rotation and the next action. Purely computational.

A time is told only while it lies ahead; what is late says since when, and what is under way says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from keypool.api.duration import render
from keypool.api.pool_status import NextRotation
from keypool.core.brake import Grip
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation
from keypool.core.reasons import Condition, Reason
from keypool.core.rotation import URGENT, Due, Why
from keypool.core.rules.creation import ON_THE_WAY, RETIRING, due_of
from keypool.core.rules.disabling import is_disabled_first
from keypool.core.rules.retirement import end_of_retirement
from keypool.core.rules.static import keys_come_from_people
from keypool.core.situation import Finding
from keypool.core.used_up import begins_anew, has_to_wait

ASKED = frozenset({Why.REQUESTED, Why.SPEC, Why.PROVIDER, Why.COMPROMISED})
"""A rotation for these reasons is due as soon as it is known: there is no moment at which it became due."""
WAITS = "waits for the key that was replaced before"
SPENT = "the slot's spending limit is used up"
LONGEST = 40
"""Characters of the next action, so that kubectl's table stays narrow."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A rotation. `at`: when it begins, None for as soon as it can. `late_since`: when an ordinary one was due that
    could not begin. `waits`: for the old key of the slot, to the end of its overlap and quiet period. `spent`: until
    the slot's spending limit begins anew, or is raised. `under_way`: its new key is being made or checked."""

    slot: int
    why: Why
    at: datetime | None = None
    late_since: datetime | None = None
    waits: bool = False
    spent: bool = False
    under_way: bool = False


def upcoming(o: Observation, now: datetime) -> Upcoming | None:
    """The rotation that is under way, else the next one; None while suspended, deleted or without keys."""
    pool = o.known_pool
    if pool.spec is None or pool.spec.suspend or pool.deleted_at is not None:
        return None
    active = o.ledger.inside(KeyState.ACTIVE)
    slots = {key.slot for key in active}
    for key in o.ledger.inside(*ON_THE_WAY):
        if key.slot in slots and key.why != Why.SUPPLIED:
            return Upcoming(key.slot, Why(key.why), under_way=True)
    return min((_of(o, key, now) for key in active), key=lambda each: _order(each, now), default=None)


def _order(each: Upcoming, now: datetime) -> tuple[datetime, int]:
    return each.at or each.late_since or now, each.slot


def _of(o: Observation, key: KeyRecord, now: datetime) -> Upcoming:
    """An ordinary rotation waits for the key that still drains, or is disabled, in the slot."""
    due = due_of(o, key)
    if key.why == Why.SUPPLIED and key.asked:
        due = Due(due.at, Why(key.asked))
    if has_to_wait(o, o.ledger, key.slot, now):
        return _until_it_may_spend(o, key, due, now)
    ends = [end for old in o.ledger.of_slot(key.slot, *RETIRING) if (end := _end(o, old)) is not None]
    waits = due.why not in URGENT and bool(ends) and max(ends) > max(due.at, now)
    at = max(ends) if waits else due.at
    if at > now:
        return Upcoming(key.slot, due.why, at=at, waits=waits)
    return Upcoming(key.slot, due.why, late_since=None if due.why in ASKED else due.at)


def _until_it_may_spend(o: Observation, key: KeyRecord, due: Due, now: datetime) -> Upcoming:
    anew = begins_anew(o, now)
    late = None if due.why in ASKED or due.at > now or anew is not None else due.at
    at = max(due.at, anew) if anew is not None else due.at if due.at > now else None
    return Upcoming(key.slot, due.why, at=at, late_since=late, spent=True)


def _end(o: Observation, key: KeyRecord) -> datetime | None:
    """When the key is to be deleted, as far as that is known."""
    end = end_of_retirement(o, key)
    first = end is not None and key.state is KeyState.DRAINING and is_disabled_first(o, key)
    return end + o.effective.quiet if end is not None and first else end


def next_rotation(o: Observation, found: Upcoming | None) -> NextRotation | None:
    """As the status tells it."""
    if found is None:
        return None
    return NextRotation(at=found.at, overdue_since=found.late_since, slot=found.slot, why=_why(o, found))


def _why(o: Observation, found: Upcoming) -> str:
    words = _in_words(o, found.why)
    if found.under_way:
        return f"{words}; under way{_because(_obstacle(o))}"
    if found.waits:
        return f"{words}; {WAITS}: the slot's old key goes first"
    if found.spent:
        return f"{words}; {SPENT}, and a new key could spend nothing"
    return words if found.at is not None else f"{words}; due now{_because(_obstacle(o))}"


def told_to_wait(rotation: NextRotation | None) -> str | None:
    """What people are told who asked for a rotation that does not begin now; None where none waits."""
    if rotation is None or not any(rotation.why.startswith(why.value) for why in ASKED):
        return None
    why = rotation.why.partition(";")[0]
    if SPENT in rotation.why:
        return (
            f"slot {rotation.slot} rotates {_anew(rotation.at)}, not now ({why}): its spending limit is used up, and a "
            "new key could spend nothing. A key that must go now can be reported compromised"
        )
    if rotation.at is None or WAITS not in rotation.why:
        return None
    return (
        f"slot {rotation.slot} rotates at {rotation.at:%Y-%m-%d %H:%M:%SZ}, not now ({why}): the key that was replaced "
        "before goes first, after its overlap and quiet period. A key that must go now can be reported compromised"
    )


def _anew(at: datetime | None) -> str:
    if at is None:
        return "when spec.key.spendLimit.amount is raised"
    return f"at {at:%Y-%m-%d %H:%M:%SZ}, when the limit begins anew, or when spec.key.spendLimit.amount is raised"


def asked_and_waiting(o: Observation, now: datetime) -> str | None:
    """That a rotation which people asked for does not begin now, until when and why; of the first slot that waits."""
    pool = o.known_pool
    if pool.spec is None or pool.spec.suspend or pool.deleted_at is not None:
        return None
    found = (
        _of(o, key, now) for key in o.ledger.inside(KeyState.ACTIVE) if not o.ledger.of_slot(key.slot, *ON_THE_WAY)
    )
    waiting = [each for each in found if each.why in ASKED and (each.waits or each.spent)]
    first = min(waiting, key=lambda each: _order(each, now), default=None)
    return told_to_wait(next_rotation(o, first))


def _because(obstacle: Reason | None) -> str:
    return f", but {obstacle.value}" if obstacle is not None else ""


def _in_words(o: Observation, why: Why) -> str:
    if why is Why.INTERVAL:
        return f"every {render(o.effective.every)}"
    if why is Why.EXPIRY:
        return f"{render(o.effective.renew_before)} before expiry"
    return why.value


def _obstacle(o: Observation) -> Reason | None:
    """What keeps new keys from being made or published, where that is known."""
    problem = o.contested or o.secret_problem or o.refused or o.provider_problem
    if problem is not None:
        return problem.reason
    if o.grip is Grip.ENGAGED:
        return Reason.MOST_KEYS_REJECTED
    troubles = (o.troubles.get(activity) for activity in ("create", "publish", "cluster"))
    return next((trouble.reason for trouble in troubles if trouble is not None), None)


def next_action(o: Observation, found: Iterable[Finding], rotation: Upcoming | None, now: datetime) -> str | None:
    """In at most forty characters."""
    by_kind = {kind: reason for kind, _, reason, _ in found}
    if Condition.STALLED in by_kind:
        return f"needs you: {by_kind[Condition.STALLED].value}"
    if o.known_pool.deleted_at is not None:
        slow = by_kind[Condition.REVOKED]
        what = "revoke, then go" if slow in (Reason.NOTHING_OUTSTANDING, Reason.REVOKING) else slow.value
        return f"{what}: {len(o.ledger.keys)} left"
    if o.known_pool.spec is None or o.spec.suspend:
        return "suspended" if o.known_pool.spec is not None else None
    reason = by_kind.get(Condition.RECONCILING)
    turning = rotation is not None and rotation.why in ASKED
    if reason is not None and not (reason is Reason.UPDATING and turning):
        plain = reason in (Reason.CREATING_KEYS, Reason.UPDATING)
        return "create and publish keys" if plain else f"waiting: {reason.value}"
    return (_retirement(o, rotation, now) or _rotation(o, rotation) or "")[:LONGEST] or None


def _retirement(o: Observation, rotation: Upcoming | None, now: datetime) -> str | None:
    """Of the old key whose time comes first; None where a rotation comes before that, or was asked for."""
    old = [(end, key) for key in o.ledger.inside(*RETIRING) if (end := end_of_retirement(o, key)) is not None]
    if not old or (rotation is not None and (rotation.at is None or rotation.why in ASKED)):
        return None
    end, key = min(old, key=lambda each: (each[0], each[1].slot))
    if rotation is not None and rotation.at is not None and end > rotation.at:
        return None
    if end <= now:
        return f"key {key.slot} overdue since {_minute(end)}"
    ask = "ask to " if keys_come_from_people(o) else ""
    what = "disable" if key.state is KeyState.DRAINING and is_disabled_first(o, key) else "revoke"
    return f"{ask}{what} {'' if ask else 'old '}key {key.slot} at {_minute(end)}"


def _rotation(o: Observation, rotation: Upcoming | None) -> str | None:
    if rotation is None:
        return None
    obstacle = Reason.SPEND_LIMIT_REACHED if rotation.spent else _obstacle(o)
    if rotation.under_way:
        return f"rotating slot {rotation.slot}" + (f": {obstacle.value}" if obstacle is not None else "")
    if rotation.late_since is not None:
        return f"slot {rotation.slot} overdue since {_minute(rotation.late_since)}"
    ask = "ask to " if keys_come_from_people(o) else ""
    when = f" at {_minute(rotation.at)}" if rotation.at is not None else f": {obstacle.value}" if obstacle else " now"
    return f"{ask}rotate slot {rotation.slot}{when}"


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ")
