"""Carries out in the model what not every vendor can: creates again, disables, enables, changes limits; and what that
shares with all other calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from keypool.core.ledger import KeyRecord, limit_facts
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.reasons import Reason
from keypool.providers.errors import ProviderError, Rejected, Throttled, Unreadable
from keypool.providers.protocol import NewKey

if TYPE_CHECKING:
    from tests.unit.core.world import World


def new_key(world: World, observation: Observation, name: str) -> NewKey:
    """What is asked for."""
    record = world.ledger.key(name)
    assert record is not None
    return NewKey(name, observation.effective.lifetime, limits=record.limits, value=record.value)


def life(world: World, observation: Observation, expires_at: datetime) -> dict[str, datetime]:
    """The dates of a key that is there from now on."""
    return {"created_at": world.now, "expires_at": min(expires_at, world.now + observation.effective.lifetime)}


def note(world: World, activity: str, error: ProviderError) -> None:
    """A call came to nothing."""
    if isinstance(error, Throttled):
        world.memory.throttled(activity, str(error), world.now, error.retry_after, 0.0)
    else:
        person = isinstance(error, Rejected)
        world.memory.failed(activity, Reason.PROVIDER_UNAVAILABLE, str(error), world.now, 0.5, person=person)


def repeat(world: World, observation: Observation, name: str) -> bool:
    """The create call of a lost answer again."""
    new = new_key(world, observation, name)
    assert new.value is not None, "a call that would make a second key"
    try:
        handle, value, expires_at = world.vendor.create(new, world.now)
    except Unreadable as error:
        world.step()
        note(world, "create", error)
        whole: dict[str, object] = {"handle": error.handle, **life(world, observation, world.now + new.lifetime)}
        world.store(world.ledger.advance(name, Evidence.FOUND_WHOLE, **whole))
        return False
    except Rejected as error:
        world.memory.failed(f"repeat:{name}", Reason.KEY_REFUSED, str(error), world.now, 0.5)
        return False
    except ProviderError as error:
        world.step()
        note(world, "create", error)
        world.store(world.ledger.mark(name, intended_at=world.now))
        return False
    world.step()
    world.memory.succeeded("create")
    facts = {"handle": handle, "value": value, **life(world, observation, expires_at)}
    world.store(world.ledger.advance(name, Evidence.ANSWERED, **facts))
    return True


def update(world: World, observation: Observation, name: str) -> bool:
    """Other limits for a key."""
    record, limits = _record(world, name), observation.effective.limits
    try:
        done = world.vendor.update(str(record.handle), limits)
    except ProviderError as error:
        note(world, f"update:{name}", error)
        return False
    world.step()
    if not done:
        world.pause_doubling(f"update:{name}")
        return False
    world.memory.succeeded(f"update:{name}")
    changed = world.ledger.mark(name, **limit_facts(limits))
    world.store(changed.model_copy(update={"publication": world.ledger.revision + 1, "limits_changed": True}))
    return True


def disable(world: World, _: Observation, name: str) -> bool:
    """A key that nobody needs is made unusable."""
    record, activity = _record(world, name), f"disable:{name}"
    assert record.state is KeyState.DISABLED
    assert record.value is not None
    world.check_revocation(str(record.handle))
    try:
        done = world.vendor.switch("disable", str(record.handle), active=False)
    except Rejected:
        world.store(world.ledger.advance(name, Evidence.DISABLE_REFUSED))
        return True
    except ProviderError as error:
        note(world, activity, error)
        return False
    world.step()
    try:
        accepted = world.vendor.probe(record.value.get_secret_value(), world.now)
    except ProviderError as error:
        note(world, activity, error)
        return False
    if accepted:
        world.memory.wait_as_planned(activity, world.now + world.vendor.capabilities.revocation_lag)
        return False
    world.memory.succeeded(activity)
    if done:
        world.store(world.ledger.mark(name, disabled_at=world.now))
    else:
        world.store(world.ledger.advance(name, Evidence.GONE_UPSTREAM))
    return True


def enable(world: World, _: Observation, name: str) -> bool:
    """A key is wanted back."""
    record, activity = _record(world, name), f"enable:{name}"
    assert record.enabling
    try:
        done = world.vendor.switch("enable", str(record.handle), active=True)
    except ProviderError as error:
        note(world, activity, error)
        return False
    world.step()
    world.memory.succeeded(activity)
    if done:
        world.store(world.ledger.mark(name, enabling=False, unpublished_at=world.now))
    else:
        world.store(world.ledger.advance(name, Evidence.GONE_UPSTREAM))
    return True


def _record(world: World, name: str) -> KeyRecord:
    record = world.ledger.key(name)
    assert record is not None
    return record
