"""Carries a plan out in the model: the same order and the same outcomes as the operator's own steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from keypool.core import actions as act
from keypool.core.decision import Plan
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.reasons import Reason
from keypool.core.rules.deletion import tombstone
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Unreadable
from keypool.reconcile.chosen import with_chosen_values
from keypool.reconcile.perform import PHASES
from tests.unit.core import switching
from tests.unit.core.builders import a_view
from tests.unit.core.listening import by_elimination, by_name, find_gone, hear, in_a_shared_account
from tests.unit.core.switching import life, new_key, note

if TYPE_CHECKING:
    from tests.unit.core.world import World


def perform(world: World, observation: Observation, plan: Plan) -> None:
    """Ledger first; a kind of action that fails ends the pass."""
    world.store(with_chosen_values(observation.provider, plan.ledger))
    for kind in PHASES:
        results = [_carry_out(world, observation, action) for action in plan.actions if isinstance(action, kind)]
        if not all(results):
            return


def _carry_out(world: World, observation: Observation, action: act.Action) -> bool:
    name = getattr(action, "name", "")
    if (call := _CALLS.get(type(action))) is not None:
        return call(world, observation, name)
    match action:
        case act.LookUp():
            return _look_up(world, observation, action.names)
        case act.FindGone():
            return find_gone(world, action.names)
        case _:
            return _in_cluster(world, action)


def _in_cluster(world: World, action: act.Action) -> bool:
    world.step()
    if world.cluster_faults > 0:
        world.cluster_faults -= 1
        world.memory.failed("publish", Reason.CLUSTER_UNAVAILABLE, "no answer", world.now, 0.5)
        return False
    _change_cluster(world, action)
    world.step()
    world.memory.succeeded("publish")
    return True


def _change_cluster(world: World, action: act.Action) -> None:
    match action:
        case act.AddFinalizer() | act.RestoreFinalizer():
            world.edit(has_finalizer=True)
        case act.PublishSecrets():
            for secret in action.write:
                world.publish(secret)
            for name in action.remove:
                world.secrets.pop(name, None)
            world.note_published()
        case act.RemoveSecrets():
            for name in action.names:
                world.secrets.pop(name, None)
        case act.ReleaseSecrets() | act.Retain():
            _release(world, action)
        case act.RemoveFinalizer():
            owed = {key.name for key in world.ledger.inside(KeyState.OWED)}
            assert world.ledger.retained or world.live() <= owed, "a pool goes while a key of it lives unrecorded"
            world.pool = None
        case act.DropLedger():
            world.dropped = True


def _release(world: World, action: act.ReleaseSecrets | act.Retain) -> None:
    for secret in action.secrets:
        world.secrets[secret.name] = (secret, a_view(secret, owner_uid=None))
    if isinstance(action, act.Retain):
        world.store(tombstone(world.ledger))


def _create(world: World, observation: Observation, name: str) -> bool:
    world.check_creation(name, observation)
    world.memory.sent |= {name}
    try:
        handle, value, expires_at = world.vendor.create(new_key(world, observation, name), world.now)
    except ProviderError as error:
        world.step()
        note(world, "create", error)
        if isinstance(error, Unreadable):
            world.store(world.ledger.advance(name, Evidence.UNREADABLE, handle=error.handle))
        else:
            lost = isinstance(error, Ambiguous)
            world.store(world.ledger.advance(name, Evidence.LOST if lost else Evidence.REFUSED))
        return False
    world.step()
    world.memory.succeeded("create")
    facts = {"handle": handle, "value": value, **life(world, observation, expires_at)}
    world.store(world.ledger.advance(name, Evidence.ANSWERED, **facts))
    return True


def _probe(world: World, _: Observation, name: str) -> bool:
    record, activity = world.ledger.key(name), f"probe:{name}"
    assert record is not None
    assert record.value is not None
    try:
        good = world.vendor.probe(record.value.get_secret_value(), world.now)
    except ProviderError as error:
        note(world, activity, error)
        return False
    world.answered = world.now
    world.memory.checked(name, world.now, good)
    hear(world, name, good=good)
    lag = world.vendor.capabilities.activation_lag
    if record.state is KeyState.CREATED and not good and world.now < (record.created_at or world.now) + lag:
        world.memory.failed(activity, Reason.KEY_REJECTED, "not accepted yet", world.now, 0.5)
    return True


def _look_up(world: World, observation: Observation, names: tuple[str, ...]) -> bool:
    try:
        listed = world.vendor.listing(world.now)
    except ProviderError as error:
        note(world, "lookup", error)
        return False
    world.memory.succeeded("lookup")
    world.answered = world.now
    if world.vendor.capabilities.lists_names:
        by_name(world, names, listed, lambda handle: life(world, observation, world.vendor.keys[handle].expires_at))
    elif world.exclusive:
        by_elimination(world, names, listed)
    else:
        in_a_shared_account(world, names, listed)
    return True


def _revoke(world: World, _: Observation, name: str) -> bool:
    record, activity = world.ledger.key(name), f"revoke:{name}"
    assert record is not None
    assert record.handle is not None
    world.check_revocation(record.handle)
    try:
        deleted = world.vendor.revoke(record.handle)
        value = record.value.get_secret_value() if record.value is not None else None
        gone = deleted if value is None else not world.vendor.probe(value, world.now)
        gone = gone or (value is None and record.handle not in world.vendor.listing(world.now).values())
    except ProviderError as error:
        world.step()
        note(world, activity, error)
        if isinstance(error, Rejected) and record.state is KeyState.REVOKING:
            world.store(world.ledger.advance(name, Evidence.REVOKE_REFUSED))
        return False
    world.step()
    if not gone:
        world.memory.failed(activity, Reason.REVOCATION_PENDING, "still accepted", world.now, 0.5)
        return False
    world.memory.succeeded(activity)
    world.store(world.ledger.advance(name, Evidence.REVOKED))
    return True


_CALLS: dict[type[act.Action], Callable[[World, Observation, str], bool]] = {
    act.CreateKey: _create,
    act.RepeatCreate: switching.repeat,
    act.UpdateKey: switching.update,
    act.DisableKey: switching.disable,
    act.EnableKey: switching.enable,
    act.ProbeKey: _probe,
    act.RevokeKey: _revoke,
}


def change(world: World, **facts: object) -> None:
    """Somebody edits fields of the spec."""
    if world.pool is not None and world.pool.spec is not None:
        world.edit(spec=world.pool.spec.model_copy(update=facts))


def delete(world: World, policy: str) -> None:
    """Somebody deletes the pool."""
    if world.pool is None or world.pool.deleted_at is not None:
        return
    change(world, deletion_policy=policy)
    if world.pool.has_finalizer:
        world.pool = replace(world.pool, deleted_at=world.now)
    else:
        world.pool = None
