"""Rules about whether keys work: when to probe, when to withdraw, when to take back."""

from collections.abc import Mapping
from datetime import datetime

from keypool.core.actions import FindGone, ProbeKey
from keypool.core.brake import Grip
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.holders import SOONEST, is_confirmed, is_hurried, next_probe, witnesses
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.naming import jitter
from keypool.core.observation import Observation
from keypool.core.projection import usable
from keypool.core.rotation import is_compromised
from keypool.core.rules.publication import secrets_unsettled
from keypool.core.trust import has_expired, look_again

OUTSIDE = (KeyState.WITHDRAWN, KeyState.DRAINING)


def failed_keys_are_withdrawn(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Expired; or, unless the brake holds, definitely rejected as often as the threshold says. An ambiguous answer
    counts for nothing. Of a key that a pod reports as rejected, two rejections are enough."""
    ledger, threshold = plan.ledger, o.effective.failure_threshold
    for key in ledger.inside(KeyState.ACTIVE):
        check = o.checks.get(key.name)
        free = o.grip is Grip.FREE
        often = check is not None and check.rejections >= threshold and not is_hurried(o, check)
        rejected = often and free
        expired, reported = has_expired(o, key, now), free and is_confirmed(o, key)
        if expired or rejected or reported:
            evidence = Evidence.REPORTED if reported and not expired else Evidence.FAILED
            ledger = ledger.advance(key.name, evidence, published_at=None)
    next_expiry = earliest(*(look_again(key.expires_at, now) for key in ledger.inside(KeyState.ACTIVE)))
    return Decision("keys that expired or were rejected leave the Secret", ledger=ledger, wake_at=next_expiry)


def good_keys_come_back(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A withdrawn key, or a draining one whose successor is withdrawn, returns after a good probe."""
    ledger = plan.ledger
    for key in ledger.inside(KeyState.WITHDRAWN, KeyState.DRAINING):
        expired = has_expired(o, key, now)
        if _accepted_lately(o, key, now) and not expired and _may_return(ledger, key, o.effective.size):
            evidence = Evidence.RECOVERED if key.state is KeyState.WITHDRAWN else Evidence.RESCUED
            ledger = ledger.advance(key.name, evidence, published_at=None, unpublished_at=None)
    return Decision("keys with a good probe return to an empty slot", ledger=ledger)


def _may_return(ledger: Ledger, key: KeyRecord, size: int) -> bool:
    if key.slot >= size or is_compromised(key) or ledger.of_slot(key.slot, KeyState.ACTIVE):
        return False
    if key.enabling:  # its last good probe was made before it was disabled
        return False
    return key.state is KeyState.WITHDRAWN or _lost_its_successor(ledger, key)


def _lost_its_successor(ledger: Ledger, key: KeyRecord) -> bool:
    return bool(ledger.of_slot(key.slot, KeyState.WITHDRAWN)) and not ledger.of_slot(key.slot, KeyState.ACTIVE)


def gone_keys_are_looked_for(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A rejected key that is out of the Secret may have been deleted upstream: then there is nothing to revoke."""
    gone = tuple(key.name for key in plan.ledger.inside(*OUTSIDE) if _may_be_gone(o, plan.ledger, key))
    if not gone or secrets_unsettled(o, plan, now) is not None or o.provider_problem is not None:
        return Decision("no rejected key is out of the Secret, or no listing can be had")
    if not o.may("gone", now):
        return Decision("the last listing still had them; waiting", wake_at=o.pause("gone", now))
    return Decision(f"{len(gone)} rejected keys are looked for", actions=(FindGone(gone),))


def _may_be_gone(o: Observation, ledger: Ledger, key: KeyRecord) -> bool:
    check = o.checks.get(key.name)
    return (
        o.provider is not None
        and key.provider == o.provider.uid
        and key.unpublished_at is not None
        and key not in usable(ledger)
        and check is not None
        and not check.accepted
    )


def keys_are_probed(o: Observation, plan: Plan, now: datetime) -> Decision:
    """New keys until they are proven; published and withdrawn ones at their interval, spread out after a start."""
    if o.provider is None or o.provider_problem is not None:
        return Decision("no provider to ask")
    ours = [key for key in plan.ledger.keys if key.provider == o.provider.uid and key.value is not None]
    asked = witnesses(o)
    dates = {key.name: date for key in ours if (date := _probe_date(o, plan.ledger, key, asked)) is not None}
    ripe = tuple(ProbeKey(name) for name, date in dates.items() if date <= now)
    return Decision(
        f"{len(ripe)} keys are to be probed",
        actions=ripe,
        wake_at=earliest(*(date for date in dates.values() if date > now)),
    )


def _probe_date(o: Observation, ledger: Ledger, key: KeyRecord, asked: Mapping[str, datetime]) -> datetime | None:
    """When this key is to be probed next, None for never. `asked`: the witnesses."""
    check, every = o.checks.get(key.name), o.effective.probe_every
    waiting = o.wait_until.get(f"probe:{key.name}")
    again = check.at + (every if check.accepted else max(SOONEST, every / 10)) if check is not None else None
    if key.state is KeyState.CREATED:
        return None if _accepted(o, key) else waiting or again or o.started_at
    needed = key.state in (KeyState.ACTIVE, KeyState.WITHDRAWN) or (
        key.state is KeyState.DRAINING and _lost_its_successor(ledger, key)
    )
    if not needed:
        return None
    date = next_probe(o, key, again or o.started_at + jitter(key.name) * every, asked)
    return max(date, waiting) if waiting else date


def _accepted(o: Observation, key: KeyRecord) -> bool:
    check = o.checks.get(key.name)
    return check is not None and check.accepted


def _accepted_lately(o: Observation, key: KeyRecord, now: datetime) -> bool:
    check = o.checks.get(key.name)
    return check is not None and check.accepted and now - check.at <= o.effective.probe_every
