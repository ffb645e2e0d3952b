"""What a provider's rejections mean, where its brake holds or a pod reports a key as rejected: a listing tells."""

from datetime import timedelta

from keypool.cluster.credentials import MAX_AGE
from keypool.core.brake import Grip
from keypool.providers.errors import ProviderError
from keypool.reconcile.attempt import SOONEST
from keypool.reconcile.provider_memory import Looks
from keypool.reconcile.proving import is_another_account
from keypool.reconcile.world import World

LOOK_AGAIN = {Grip.UNSURE: 5.0, Grip.ENGAGED: 30.0}
"""Seconds after which another listing is to tell whether the brake still holds."""
BETWEEN_LISTINGS = timedelta(seconds=2)


async def judge(world: World, uid: str, memory: Looks) -> float:
    """Asks for a listing where one is to tell what the rejections mean; seconds until the next one."""
    now = world.now()
    entry, brake = world.directory.get(uid), world.accounts.brake(uid)
    if entry is None or (brake.grip is Grip.FREE and not brake.doubted):
        return MAX_AGE
    if memory.judged_at is not None and memory.judged_at <= now < memory.judged_at + BETWEEN_LISTINGS:
        return BETWEEN_LISTINGS.total_seconds()
    memory.judged_at = now
    try:
        listing = await world.accounts.take(uid, entry.provider)
    except ProviderError:
        return LOOK_AGAIN.get(brake.grip, LOOK_AGAIN[Grip.UNSURE])
    if is_another_account(world, entry, listing):
        return SOONEST
    return LOOK_AGAIN.get(world.accounts.judge(uid, listing), MAX_AGE)
