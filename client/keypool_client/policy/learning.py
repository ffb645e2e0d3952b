"""What an attempt teaches about its key, its groups, its endpoint and its score."""

from keypool_client.policy.concluding import conclude, ends
from keypool_client.policy.fleet import Fleet
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.score import Lane
from keypool_client.policy.suspension import Suspension

OF_THE_REQUEST = frozenset({FailureClass.CALLER, FailureClass.FORBIDDEN})
"""They say nothing about the key or the provider."""


def accepted(fleet: Fleet, lane: Lane, model: str, began: float, now: float) -> None:
    """The provider took the key and answers: known as soon as content comes, long before a stream ends."""
    health = lane.health
    before = health.suspension.changed, lane.breaker.suspension.changed, health.credit.until
    health.accepted(began, now)
    lane.breaker.answered(began, now)
    health.credit.recovered(began, now)
    fleet.rates.recovered(model, health.rate_name, began, now)
    lane.guard.succeeded(began)
    fleet.heard.succeeded(health, model, began)
    if before != (health.suspension.changed, lane.breaker.suspension.changed, health.credit.until):
        fleet.suspended()


def failed(fleet: Fleet, lane: Lane, model: str, outcome: Outcome, *, now: float, trial: Suspension | None) -> None:
    """An attempt failed. `trial`: what it was the trial of."""
    before = ends(fleet, lane, model)
    _learn(fleet, lane, model, outcome, now=now, trial=trial)
    conclude(fleet, lane, model, before, now)


def _learn(fleet: Fleet, lane: Lane, model: str, outcome: Outcome, *, now: float, trial: Suspension | None) -> None:
    failure, began, health = outcome.failure, outcome.began, lane.health
    before = health.suspension.changed, lane.breaker.suspension.changed
    if failure is FailureClass.TRANSIENT:
        lane.breaker.failed(began, now, trial=trial is lane.breaker.suspension)
    else:
        lane.breaker.answered(began, now)
    match failure:
        case FailureClass.CREDENTIAL:
            _rejected(lane, began, now, trial)
        case FailureClass.EXHAUSTED:
            health.credit.cool(outcome.retry_after, began, now)
        case FailureClass.RATE_LIMITED:
            fleet.rates.cool(model, health.rate_name, outcome.retry_after, began, now)
        case FailureClass.UNKNOWN:
            health.doubted = now if health.doubted is None else health.doubted
    if failure not in OF_THE_REQUEST:
        lane.failed()
        fleet.changed()
    if before != (health.suspension.changed, lane.breaker.suspension.changed):
        fleet.suspended()


def _rejected(lane: Lane, began: float, now: float, trial: Suspension | None) -> None:
    suspension = lane.health.suspension
    if not suspension.counts(began):
        return
    if suspension.since is not None:
        if trial is suspension:
            suspension.failed(now)
    elif lane.guard.condemns(lane.health, now):
        suspension.begin(now)
