"""The status of a KeyProvider, concluded from what is known about it. Purely computational."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from keypool.api.duration import render
from keypool.api.status import Condition as ConditionModel
from keypool.api.status import EndpointStatus, KeyProviderStatus, ProviderCapabilities
from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.conditions import as_conditions
from keypool.core.observation import Problem
from keypool.core.provider_situations import ProviderSight, Standing, findings_of_provider
from keypool.providers.protocol import Provider


def report(  # noqa: PLR0917 - all that it is made of
    obj: dict[str, Any],
    standing: Standing,
    grip: Grip,
    provider: Provider | None,
    now: datetime,
    schedule: Problem | None = None,
) -> KeyProviderStatus:
    """The status. `schedule`: why the pools' schedule does not fit the budget."""
    generation, known = obj["metadata"]["generation"], provider.capabilities if provider is not None else None
    found = findings_of_provider(ProviderSight(standing, grip, schedule, known))
    return KeyProviderStatus(
        observed_generation=generation,
        conditions=as_conditions(found, {}, generation, _conditions(obj), now),
        capabilities=_capabilities(known) if known is not None else None,
        endpoints=_endpoints(provider) if provider is not None else None,
    )


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
