"""The status of a KeyProvider, concluded from what is known about it. Purely computational."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from keypool.api.duration import render
from keypool.api.status import Condition as ConditionModel
from keypool.api.status import EndpointStatus, KeyProviderStatus, ProviderCapabilities
from keypool.cluster.askers import misplaced
from keypool.core.annotations import OF_PROVIDERS, strays
from keypool.core.brake import Grip
from keypool.core.breaker import State
from keypool.core.capabilities import Capabilities
from keypool.core.conditions import as_conditions
from keypool.core.observation import Problem
from keypool.core.provider_situations import ProviderSight, Standing, findings_of_provider
from keypool.core.situation import with_note
from keypool.providers.protocol import EndpointSeen, Provider


def report(  # noqa: PLR0917 - all that it is made of
    obj: dict[str, Any],
    standing: Standing,
    grip: Grip,
    provider: Provider | None,
    now: datetime,
    schedule: Problem | None = None,
    reached: bool = False,
) -> KeyProviderStatus:
    """The status. `schedule`: why the pools' schedule does not fit the budget. `reached`: the account was reached where
    the object says; once told, that stays."""
    generation, known = obj["metadata"]["generation"], provider.capabilities if provider is not None else None
    found = findings_of_provider(ProviderSight(standing, grip, schedule, known))
    found = with_note(found, strays(misplaced(obj, OF_PROVIDERS), OF_PROVIDERS))
    return KeyProviderStatus(
        observed_generation=generation,
        conditions=as_conditions(found, {}, generation, _conditions(obj), now),
        capabilities=_capabilities(known) if known is not None else None,
        reached=reached or (obj.get("status") or {}).get("reached") is True or None,
        note=_note(standing, provider, schedule),
        endpoints=_endpoints(provider) if provider is not None else None,
    )


def _note(standing: Standing, provider: Provider | None, schedule: Problem | None) -> str | None:
    """In at most 24 characters: what the reason of Ready does not tell."""
    if standing.problem is None and standing.worst is not None:
        return standing.worst.reason.value
    seen = provider.endpoints() if provider is not None else ()
    if (number := used_instead(seen)) is not None:
        return f"endpoint {number} of {len(seen)} in use"
    if standing.problem is None and any(endpoint.state is State.OPEN for endpoint in seen):
        return f"{sum(endpoint.state is State.OPEN for endpoint in seen)} of {len(seen)} endpoints fail"
    return schedule.reason.value if schedule is not None else None


def used_instead(seen: tuple[EndpointSeen, ...]) -> int | None:
    """The number of the endpoint that is in use instead of the preferred one; None while that is, or none is known to
    work."""
    number = next((number for number, endpoint in enumerate(seen, start=1) if endpoint.in_use), 1)
    return number if number > 1 else None


def failover(obj: dict[str, Any], provider: Provider | None) -> tuple[str, str] | None:
    """The Event, by type and note, where another endpoint is in use than the status in `obj` says."""
    seen = provider.endpoints() if provider is not None else ()
    number, before = used_instead(seen), str((obj.get("status") or {}).get("note", ""))
    if number is not None:
        if before == f"endpoint {number} of {len(seen)} in use":
            return None
        text = f"endpoint {number} of {len(seen)} ({seen[number - 1].url}) is used, because what comes before it failed"
        return "Warning", f"{text}; it is returned to as soon as it answers"
    if seen and seen[0].in_use and before.startswith("endpoint "):
        return "Normal", f"the preferred endpoint ({seen[0].url}) is used again"
    return None


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
