"""Whether a provider object still names the endpoints at which its account was reached."""

from typing import Any

from pydantic import ValidationError

from keypool.api.provider import KeyProviderSpec
from keypool.core.observation import Problem
from keypool.core.reached import moved
from keypool.reconcile.directory import Entry
from keypool.reconcile.provider_object import account
from keypool.reconcile.world import World


def is_there(obj: dict[str, Any], entry: Entry) -> bool:
    """Whether the object names the endpoints of this client."""
    try:
        return urls(account(obj)) == urls(entry.spec)
    except ValidationError:
        return False


async def moved_away(world: World, uid: str, spec: KeyProviderSpec) -> tuple[Entry, Problem] | None:
    """The client of the account as it was reached, and why other endpoints are not used instead; None where they may
    be. Raises KubeError."""
    entry = world.directory.get(uid)
    if entry is None and uid in world.directory.kept():
        entry = await world.directory.recall(uid)
    if entry is None or not (entry.trusted or entry.kept):
        return None
    problem = moved(urls(spec), urls(entry.spec))
    return (entry, problem) if problem is not None else None


def urls(spec: KeyProviderSpec) -> tuple[str, ...]:
    """Of the endpoints, in order."""
    return tuple(endpoint.url for endpoint in spec.endpoints)
