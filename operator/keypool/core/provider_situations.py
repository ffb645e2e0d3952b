"""All situations that a provider object can be in, and what each condition says in them: the one place that decides it.

Read from top to bottom, see `core.situation`. Conditions other than Ready are shown only where they say something.
"""

from dataclasses import dataclass

from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.observation import Problem
from keypool.core.reasons import Condition, Reason
from keypool.core.sight import BRAKE
from keypool.core.situation import RESTS, STALLS, WORKS, Finding, Say, Situation, fold

STILL_USED = "; what was in use before stays in use"
NO_NEW_KEYS = "; no key is made, and what was in use before probes and revokes those that exist"
NO_CREDENTIAL = "there is no admin credential to check; each key is probed"


@dataclass(frozen=True, slots=True)
class Standing:
    """`problem`: why the provider cannot be used. `pending`: why what the object says now is not used yet, while what
    it said before is. `withheld`: why no key may be made any more with a credential that still probes and revokes.
    `unasked`: nobody could say yet whether it can."""

    problem: Problem | None = None
    pending: Problem | None = None
    unasked: bool = False
    withheld: Problem | None = None

    @property
    def worst(self) -> Problem | None:
        """What people are told: a new credential that is refused is said before the old one is."""
        return self.withheld or self.pending or self.problem


@dataclass(frozen=True, slots=True)
class ProviderSight:
    """`schedule`: why the pools' schedule does not fit the budget. `known`: None where nothing could be made of the
    object yet."""

    standing: Standing
    grip: Grip = Grip.FREE
    schedule: Problem | None = None
    known: Capabilities | None = None


def _needs_person(sight: ProviderSight) -> Problem | None:
    worst = _told(sight)
    return worst if worst is not None and worst.stalls else None


def _told(sight: ProviderSight) -> Problem | None:
    worst = sight.standing.worst
    if worst is None:
        return None
    standing = sight.standing
    still = NO_NEW_KEYS if standing.withheld is not None else STILL_USED if standing.problem is None else ""
    return Problem(worst.reason, worst.message + still, worst.stalls)


def _unasked(sight: ProviderSight) -> Problem | None:
    return sight.standing.problem if sight.standing.unasked else None


def _unusable(sight: ProviderSight) -> Problem | None:
    return sight.standing.withheld or sight.standing.problem


def _brake(sight: ProviderSight) -> Problem | None:
    return Problem(Reason.MOST_KEYS_REJECTED, BRAKE) if sight.grip is Grip.ENGAGED else None


def _without_credential(sight: ProviderSight) -> Problem | None:
    unchecked = sight.known is not None and not sight.known.lists_keys
    return Problem(Reason.PROVIDER_READY, NO_CREDENTIAL) if unchecked else None


def _good(_: ProviderSight) -> Problem:
    return Problem(Reason.PROVIDER_READY, "the provider answers and takes the admin credential")


PROVIDER_SITUATIONS: tuple[Situation[ProviderSight], ...] = (
    Situation("A person is needed", _needs_person, STALLS),
    Situation("What the object says is not used yet", _told, WORKS),
    Situation("Nobody asked it yet since the operator started", _unasked, {Condition.READY: Say(None)}),
    Situation("It cannot be used", _unusable, {Condition.READY: Say(False)}),
    Situation(
        "It rejects most keys of the account", _brake, {Condition.READY: Say(None), Condition.HEALTHY: Say(False)}
    ),
    Situation("The schedule exceeds the budget", lambda sight: sight.schedule, {Condition.WITHIN_BUDGET: Say(False)}),
    Situation("There is no credential to check", _without_credential, {Condition.READY: Say(True)}),
    Situation(
        "Nothing else",
        _good,
        {Condition.READY: Say(True), Condition.HEALTHY: None, Condition.WITHIN_BUDGET: None, **RESTS},
    ),
)


def findings_of_provider(sight: ProviderSight) -> tuple[Finding, ...]:
    """All conditions of a provider object."""
    return fold(PROVIDER_SITUATIONS, sight)
