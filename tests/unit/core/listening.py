"""What the model learns from probes and listings, the way the operator does: lost keys, gone keys, the brake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from keypool.core.account import identities_of
from keypool.core.brake import Brake, Grip
from keypool.core.claims import Doubt, Sighting, Wanted, claim, shown_absent, sighted
from keypool.core.deadlines import CREATE_DEADLINE
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.providers.errors import ProviderError

if TYPE_CHECKING:
    from tests.unit.core.world import World


class Listening:
    """One leadership's memory of the account."""

    def __init__(self) -> None:
        self.brake, self.judged = Brake(), False
        self.seen: dict[str, Sighting] = {}
        self.last: datetime | None = None
        self.first: dict[str, datetime] = {}
        self.since: datetime | None = None


def hear(world: World, name: str, *, good: bool) -> None:
    """A probe was answered."""
    record, brake = world.ledger.key(name), world.listening.brake
    assert record is not None
    if good:
        brake.accept(name, world.now)
    elif record.state in (KeyState.ACTIVE, KeyState.WITHDRAWN) and record.expires_at > world.now:
        brake.reject(name)


def judge(world: World) -> None:
    """As the reconciler of providers: at the start, and while the brake holds."""
    listening = world.listening
    if listening.judged and listening.brake.grip is Grip.FREE:
        return
    shown = [key for key in world.ledger.inside(KeyState.ACTIVE, KeyState.WITHDRAWN) if key.expires_at > world.now]
    active = {name for name in world.vendor.names() if world.vendor.is_active(name, world.now)}
    known = {key.name: key.state is KeyState.WITHDRAWN for key in shown}
    listening.brake.listed(known, active & known.keys())
    if not listening.judged:
        listening.first, listening.since = dict.fromkeys(world.vendor.keys, world.now), world.now
    listening.judged = True


def by_name(
    world: World, names: tuple[str, ...], listed: dict[str, str], life: Callable[[str], dict[str, datetime]]
) -> None:
    """Where names are listed. A key whose value is known is whole, while the pool stays."""
    stays = world.pool is not None and world.pool.deleted_at is None
    for name in names:
        record, handle = world.ledger.key(name), listed.get(name)
        assert record is not None
        if handle is not None and record.value is not None and record.state is KeyState.UNRESOLVED and stays:
            facts = {"handle": handle, **life(handle)}
            world.store(world.ledger.advance(name, Evidence.FOUND_WHOLE, **facts))
        else:
            resolve(world, name, handle)


def by_elimination(world: World, names: tuple[str, ...], listed: dict[str, str]) -> None:
    """Where the account is ours alone: a listed key that the ledger does not know was made by a lost call."""
    listening, unknown = world.listening, set(listed.values()) - _handles(world.ledger)
    listening.seen = sighted(listening.seen, unknown, world.now, listening.last)
    listening.last = world.now
    lag = CREATE_DEADLINE + world.vendor.capabilities.listing_lag
    wanted = [Wanted(name, key.intended_at + lag) for name in names if (key := world.ledger.key(name)) is not None]
    claims = claim(wanted, listening.seen, world.now, CREATE_DEADLINE)
    if claims.again is not None:
        world.memory.pause("lookup", claims.again)
    for name, handle in claims.decided.items():
        resolve(world, name, handle)


def in_a_shared_account(world: World, names: tuple[str, ...], listed: dict[str, str]) -> None:
    """All that a listing can show there is that a call made no key."""
    first = world.listening.first
    world.listening.first = {handle: first.get(handle, world.now) for handle in listed.values()}
    keys = [key for name in names if (key := world.ledger.key(name)) is not None]
    lag, absent = CREATE_DEADLINE + world.vendor.capabilities.listing_lag, frozenset[str]()
    if world.vendor.capabilities.lists_inactive:
        doubts = [Doubt(key.name, key.intended_at, key.intended_at + lag) for key in keys]
        known = _handles(world.ledger)
        unknown = {handle: since for handle, since in world.listening.first.items() if handle not in known}
        active = {handle for handle in listed.values() if world.vendor.keys[handle].live(world.now)}
        identities = identities_of([world.ledger], active, "provider-1")
        absent = shown_absent(doubts, unknown, identities, world.now, since=world.listening.since)
    for key in keys:
        if key.name in absent:
            assert key.name not in world.live(), "a live key is forgotten"
            resolve(world, key.name, None)
        else:
            world.memory.pause(f"absent:{key.name}", world.now + max(world.now - key.intended_at, CREATE_DEADLINE))


def resolve(world: World, name: str, handle: str | None) -> None:
    """The listing told what became of a lost call."""
    if handle is None:
        world.store(world.ledger.advance(name, Evidence.ABSENT))
    else:
        world.store(world.ledger.advance(name, Evidence.FOUND, handle=handle))


def find_gone(world: World, names: tuple[str, ...]) -> bool:
    """Rejected keys that are not listed any more are forgotten; there must be one of ours that is."""
    try:
        listed = set(world.vendor.listing(world.now).values())
    except ProviderError:
        listed = set()
    certain = bool(listed & _handles(world.ledger))
    gone = [name for name in names if certain and _handle(world.ledger, name) not in listed]
    for name in gone:
        assert name not in world.live(), "a live key is forgotten"
        world.store(world.ledger.advance(name, Evidence.GONE_UPSTREAM))
    if len(gone) < len(names):
        world.pause_doubling("gone")
    return True


def _handles(ledger: Ledger) -> set[str]:
    return {key.handle for key in ledger.keys if key.handle is not None}


def _handle(ledger: Ledger, name: str) -> str | None:
    key = ledger.key(name)
    return key.handle if key is not None else None
