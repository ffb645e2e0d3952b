"""The status of a KeyProvider, concluded from what is known about it. Purely computational."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from keypool.api.duration import render
from keypool.api.status import Condition as ConditionModel
from keypool.api.status import EndpointStatus, KeyProviderStatus, ProviderCapabilities
from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.conditions import BRAKE, Finding, as_conditions
from keypool.core.observation import Problem
from keypool.core.reasons import Condition, Reason
from keypool.providers.protocol import Provider

STILL_USED = "; what was in use before stays in use"


@dataclass(frozen=True, slots=True)
class Standing:
    """`problem`: why the provider cannot be used. `pending`: why what the object says now is not used yet, while what
    it said before is."""

    problem: Problem | None = None
    pending: Problem | None = None

    @property
    def worst(self) -> Problem | None:
        """What people are told: a new credential that is refused is said before the old one is."""
        return self.pending or self.problem


def report(  # noqa: PLR0917 - all that it is made of
    obj: dict[str, Any],
    standing: Standing,
    grip: Grip,
    provider: Provider | None,
    now: datetime,
    schedule: Problem | None = None,
) -> dict[str, Any]:
    """The status as the API server takes it. `schedule`: why the pools' schedule does not fit the budget."""
    generation, known = obj["metadata"]["generation"], provider.capabilities if provider is not None else None
    return KeyProviderStatus(
        observed_generation=generation,
        conditions=as_conditions(findings(standing, grip, schedule, known), {}, generation, _conditions(obj), now),
        capabilities=_capabilities(known) if known is not None else None,
        endpoints=_endpoints(provider) if provider is not None else None,
    ).dump()


def findings(
    standing: Standing, grip: Grip, schedule: Problem | None = None, known: Capabilities | None = None
) -> tuple[Finding, ...]:
    """All conditions of a provider; those other than Ready only where they say something."""
    found: list[Finding] = [_ready(standing, known)]
    if grip is Grip.ENGAGED:
        found.append((Condition.HEALTHY, False, Reason.MOST_KEYS_REJECTED, BRAKE))
    if schedule is not None:
        found.append((Condition.WITHIN_BUDGET, False, schedule.reason, schedule.message))
    if (worst := standing.worst) is not None:
        message = worst.message + (STILL_USED if standing.problem is None else "")
        found.append((Condition.STALLED if worst.stalls else Condition.RECONCILING, True, worst.reason, message))
    return tuple(found)


def _ready(standing: Standing, known: Capabilities | None) -> Finding:
    if standing.problem is not None:
        return Condition.READY, False, standing.problem.reason, standing.problem.message
    text = "the provider answers and takes the admin credential"
    if known is not None and not known.lists_keys:
        text = "there is no admin credential to check; each key is probed"
    return Condition.READY, True, Reason.PROVIDER_READY, text


def _endpoints(provider: Provider) -> tuple[EndpointStatus, ...]:
    return tuple(EndpointStatus(url=endpoint.url, state=endpoint.state.value) for endpoint in provider.endpoints())


def _capabilities(known: Capabilities) -> ProviderCapabilities:
    """Every capability under its own name, durations as Go writes them."""
    facts = asdict(known)
    lags = {name: render(value) for name, value in facts.items() if isinstance(value, timedelta)}
    return ProviderCapabilities.model_validate(facts | lags)


def _conditions(obj: dict[str, Any]) -> tuple[ConditionModel, ...]:
    try:
        return KeyProviderStatus.model_validate(obj.get("status") or {}).conditions
    except ValidationError:
        return ()
