"""What is done to objects in the cluster for a pool. Answers of the API server go into the cache at once."""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from keypool.cluster import paths
from keypool.cluster.cache import Kind
from keypool.cluster.errors import NotFound, told_of
from keypool.cluster.publisher import SecretRefused
from keypool.cluster.secret_view import secret_view
from keypool.core import actions as act
from keypool.core.observation import Problem
from keypool.core.projection import Desired
from keypool.core.reasons import Reason
from keypool.core.rules.deletion import tombstone
from keypool.core.rules.publication import ADORN, REPAIR
from keypool.reconcile.context import Pass
from keypool.reconcile.holding import set_finalizers
from keypool.reconcile.world import World
from keypool.tasks import side_by_side

AT_ONCE = 8
"""Secrets of one pool that are removed, or released, side by side."""


async def add_finalizer(this: Pass, _: act.Action) -> None:
    """From now on the pool cannot vanish without us. Raises Conflict when the pool changed meanwhile, NotFound when it
    is gone: no key may be made for it then."""
    pool = this.world.cache.pool(_uid(this))
    if pool is None:
        raise NotFound(f"finalizer of pool {this.subject.namespace}/{this.subject.name}")
    await set_finalizers(this.world, pool, add=True)


async def remove_finalizer(this: Pass, _: act.Action) -> None:
    """Lets the pool go, when it is still the one and still being deleted."""
    live = await _live(this)
    if live is None or "deletionTimestamp" not in live["metadata"]:
        return
    this.world.cache.upsert(Kind.POOL, live)
    await set_finalizers(this.world, live, add=False)
    await _say_goodbye(this)


async def let_go(this: Pass) -> None:
    """Removes the finalizer of a pool whose ledger is gone: nothing is known that could be revoked."""
    text = "the ledger was gone: keys that this pool had made may live on until they expire"
    this.world.auditor.ledger(this.handle.ledger, "missing", text)
    await this.world.announcer.announce(this.subject, "Warning", Reason.LEDGER_MISSING, text)
    if (live := await _live(this)) is not None:
        await set_finalizers(this.world, live, add=False)


async def _say_goodbye(this: Pass) -> None:
    ledger = this.handle.ledger
    if ledger.retained and ledger.keys:
        text = f"keys that stay valid: {len(ledger.keys)}"
        await this.world.announcer.announce(this.subject, "Normal", Reason.KEYS_RETAINED, text)


async def _live(this: Pass) -> dict[str, Any] | None:
    ledger = this.handle.ledger
    try:
        live = await this.world.client.get(paths.pool(ledger.namespace, ledger.pool))
    except NotFound:
        return None
    return live if live["metadata"]["uid"] == ledger.pool_uid else None


async def publish(this: Pass, action: act.Action) -> None:
    """Writes the Secrets, the published one first; raises SecretRefused, KubeError."""
    assert isinstance(action, act.PublishSecrets)  # noqa: S101
    pool = this.observation.known_pool
    adopt = this.observation.spec.secret.creation_policy == "Adopt"
    altered: list[str] = []
    around: list[str] = []
    for desired in action.write:
        with told_of(f"Secret {desired.name}"):
            stored = await this.world.publisher.write(
                pool, desired, this.handle.ledger, adopt=adopt, seen=desired.name in this.observation.secrets
            )
        this.world.cache.upsert(Kind.SECRET, stored)
        view = secret_view(stored)
        altered += [] if desired.holds(view) else [desired.name]
        around += desired.altered(view)
    await _remove_all(this, action.remove)
    if altered:  # written again at once, it would be altered again at once
        text = f"Secret {', '.join(altered)} is altered on its way into the cluster, perhaps by an admission policy"
        raise SecretRefused(Problem(Reason.SECRET_UNUSABLE, f"{text}: its entries are not the ones that were written"))
    _note_what_is_around(this, around)
    if action.repair and action.write:
        await _tell_repair(this, tuple(desired.name for desired in action.write))


async def _tell_repair(this: Pass, names: tuple[str, ...]) -> None:
    """Once for each change, and once for a fight."""
    views = (this.observation.secrets.get(name) for name in names)
    managers = sorted({view.other_manager for view in views if view is not None and view.other_manager})
    by = f" by {', '.join(managers)}" if managers else ""
    shown = ", ".join(names)
    fight = f"Secret {shown} is changed or deleted again and again{by}; it is written back after growing pauses"
    begins = this.memory.repaired(fight, this.world.now(), this.world.random())
    if begins or not this.memory.troubles.get(REPAIR):
        this.world.auditor.secret(this.subject, names, managers, fought_over=begins)
    if begins:
        await this.world.announcer.announce(this.subject, "Warning", Reason.SECRET_FOUGHT, fight)
    elif not this.memory.troubles.get(REPAIR):
        text = f"Secret {shown} was changed or deleted{by}; it was written again with the same values"
        await this.world.announcer.announce(this.subject, "Warning", Reason.SECRET_REPAIRED, text)


def _note_what_is_around(this: Pass, around: list[str]) -> None:
    """Labels that come out otherwise than they went in are mended with growing pauses: the keys are right."""
    if not around:
        return this.memory.succeeded(ADORN)
    text = f"altered on the way: {', '.join(around)}"
    return this.memory.failed(ADORN, Reason.SECRET_UNUSABLE, text, this.world.now(), this.world.random())


async def _remove_all(this: Pass, names: Iterable[str]) -> None:
    await side_by_side([partial(_remove_secret, this, name) for name in names], AT_ONCE)


async def _remove_secret(this: Pass, name: str) -> None:
    adopted = this.handle.ledger.adoption(name)
    with told_of(f"Secret {name}"):
        gone = await this.world.publisher.remove(this.subject, name, adopted)
    if not gone:
        entries = f" ({', '.join(adopted.entries)[:200]})" if adopted is not None else ""
        text = (
            f"what was written into Secret {name}{entries} stays there, as it may not be changed; its keys are revoked "
            "all the same. Its owner can remove these entries: nothing else in it is keypool's"
        )
        await this.world.announcer.announce(this.subject, "Warning", Reason.SECRET_UNUSABLE, text)
    view = this.observation.secrets.get(name)
    if view is not None:
        this.world.cache.remove_uid(Kind.SECRET, view.uid, int(view.resource_version))


async def remove_secrets(this: Pass, action: act.Action) -> None:
    """Deletes the published Secrets of a pool that goes."""
    assert isinstance(action, act.RemoveSecrets)  # noqa: S101
    await _remove_all(this, action.names)
    if this.handle.ledger.adopted:
        await this.handle.update(lambda ledger: ledger.model_copy(update={"adopted": ()}))


async def release(this: Pass, action: act.Action) -> None:
    """Makes the published Secrets outlive the pool."""
    assert isinstance(action, act.ReleaseSecrets)  # noqa: S101
    await _release(this, action.names, action.secrets)


async def retain(this: Pass, action: act.Action) -> None:
    """The same for a pool that is gone; durable before its keys' values are forgotten."""
    assert isinstance(action, act.Retain)  # noqa: S101
    unsaid = not this.handle.ledger.retained
    await _release(this, action.names, action.secrets)
    await this.handle.update(tombstone)
    if unsaid:  # it went without its finalizer
        await _say_goodbye(this)


async def _release(this: Pass, names: Iterable[str], secrets: Iterable[Desired]) -> None:
    held = {desired.name: desired for desired in secrets}

    async def let_go(name: str) -> None:
        with told_of(f"Secret {name}"):
            await this.world.publisher.release(this.subject, name, held.get(name), this.handle.ledger.adoption(name))

    await side_by_side([partial(let_go, name) for name in names], AT_ONCE)


async def keep_credential(this: Pass, action: act.Action) -> None:
    """Stores what is needed to revoke owed keys after their pool, provider and Secret are gone."""
    assert isinstance(action, act.KeepCredential)  # noqa: S101
    for uid in action.providers:
        with told_of("the credential that is kept beside the ledgers"):
            await this.world.directory.keep(uid)


async def drop_ledger(this: Pass, _: act.Action) -> None:
    """Forgets a pool that has nothing left; and its providers' kept credentials where nobody else owes there."""
    await this.handle.drop()
    await drop_unneeded(this.world, this.world.directory.kept())


async def drop_unneeded(world: World, providers: Collection[str]) -> None:
    """Forgets what is kept of these providers, where no key needs it."""
    if world.ledgers.unreadable or world.installed.changed is not None:  # what cannot be read may owe something
        return

    def needed(uid: str) -> bool:
        is_there = world.cache.provider_by_uid(uid) is not None and world.directory.readable(uid)
        return world.ledgers.owed.needed(uid, exists=is_there)

    await world.directory.drop_kept(providers, needed)


def _uid(this: Pass) -> str:
    return this.handle.ledger.pool_uid
