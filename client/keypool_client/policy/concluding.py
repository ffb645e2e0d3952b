"""Verdicts that go to siblings, and those that come from them."""

from collections.abc import Mapping
from math import inf

from keypool_client.policy.fleet import Fleet, PoolState
from keypool_client.policy.hearsay import Claim
from keypool_client.policy.score import Lane
from keypool_client.policy.verdicts import LONGEST_SECONDS, MODEL, About, Verdict

ROUND_SECONDS = 5.0
"""A condemned key's verdict lasts as much longer than its pause: so long may the trial take, and the news of it."""


def ends(fleet: Fleet, lane: Lane, model: str) -> Mapping[About, float]:
    """Until when this relay itself leaves the key and its groups alone; the past where it does not."""
    health = lane.health
    key = health.suspension.due + ROUND_SECONDS if health.suspension.since is not None else -inf
    rate = fleet.rates.until(model, health.rate_name)
    return {About.KEY: key, About.CREDIT: health.credit.until, About.RATE: rate}


def conclude(fleet: Fleet, lane: Lane, model: str, before: Mapping[About, float], now: float) -> None:
    """Tells what ends later than `before`."""
    tell = fleet.tell
    if tell is None:
        return
    health, pool = lane.health, lane.pool
    names = {About.KEY: health.key.id, About.CREDIT: health.key.credit_group, About.RATE: health.key.rate_group}
    for about, until in ends(fleet, lane, model).items():
        asked = model if about is About.RATE else ""
        if until > max(before[about], now) and MODEL.fullmatch(asked):
            last = min(until, now + LONGEST_SECONDS)
            tell(Verdict(about, pool.name, pool.account, names[about], asked, now, last))


def merge(fleet: Fleet, verdict: Verdict, now: float) -> bool:
    """A sibling's verdict. False: it is about nothing that is known here, or lasts longer than any may."""
    pool = next((state for state in fleet.pools if state.pool.name == verdict.pool), None)
    if pool is None or pool.pool.account != verdict.account or verdict.until > now + LONGEST_SECONDS:
        return False
    if verdict.about is About.KEY:
        return _of_key(fleet, pool, verdict)
    if verdict.about is About.CREDIT:
        return _of_credit(fleet, pool, verdict)
    known = any(health.key.rate_group == verdict.name for health in pool.keys.values())
    name = (verdict.account, verdict.name)
    return (
        known
        and MODEL.fullmatch(verdict.model) is not None
        and fleet.heard.of_rate(verdict.model, name, Claim(verdict.since, verdict.until), now)
    )


def _of_key(fleet: Fleet, pool: PoolState, verdict: Verdict) -> bool:
    for health in pool.keys.values():
        if health.key.id == verdict.name:
            fleet.heard.of_key(health, Claim(verdict.since, verdict.until, health.proven))
            return True
    return False


def _of_credit(fleet: Fleet, pool: PoolState, verdict: Verdict) -> bool:
    sharing = [health.proven for health in pool.keys.values() if health.key.credit_group == verdict.name]
    if sharing:
        claim = Claim(verdict.since, verdict.until, max(sharing))
        fleet.heard.of_credit((verdict.account, verdict.name), claim)
    return bool(sharing)
