"""Puts our finalizer back on a pool that has keys, and that somebody took it off."""

import logging
from typing import Any

from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.cache import Kind
from keypool.cluster.errors import Conflict, KubeError, NotFound, told_of
from keypool.cluster.keeping import MOST_FINALIZERS
from keypool.core.reasons import Reason
from keypool.core.rules.holding import FINALIZER as ACTIVITY
from keypool.reconcile.memory import FIRST_PAUSE, Memory
from keypool.reconcile.readings import FINALIZER
from keypool.reconcile.world import World

TELL_AFTER = 3
"""Times that it was taken off again at once: then somebody has to find out who does."""
TEXT = "the pool has keys and lacked the finalizer keypool.dev/keys, as after `kubectl replace`: it was put back"
FOUGHT_OVER = (
    "somebody takes the finalizer keypool.dev/keys off again and again: it is put back with growing pauses. Without it "
    "the pool may go with keys that nobody revokes; `kubectl get akp NAME -o yaml --show-managed-fields` tells who"
)

_log = logging.getLogger(__name__)


async def put_back(world: World, subject: Subject, memory: Memory) -> None:
    """Also where nothing else may be done for the pool. A failure is a trouble with a pause of its own."""
    pool, now = world.cache.pool(subject.uid), world.now()
    if pool is None or "deletionTimestamp" in pool["metadata"] or memory.wait_until.get(ACTIVITY, now) > now:
        return
    if FINALIZER in (pool["metadata"].get("finalizers") or ()):
        return
    try:
        await set_finalizers(world, pool, add=True)
    except (Conflict, NotFound):  # the cache has it as it is now; or it is gone, and the watch is to tell
        memory.pause(ACTIVITY, now + FIRST_PAUSE)
    except KubeError as error:
        _log.warning("pool %s/%s: its finalizer cannot be put back: %s", subject.namespace, subject.name, error)
        text = f"the finalizer keypool.dev/keys cannot be put back: {error}"
        memory.failed(ACTIVITY, Reason.FINALIZER_MISSING, text, now, world.random(), person=True)
    else:
        before = memory.troubles.get(ACTIVITY)
        fought = before is not None and before.attempts + 1 >= TELL_AFTER
        memory.failed(ACTIVITY, Reason.FINALIZER_MISSING, FOUGHT_OVER, now, world.random(), person=fought)
        await world.announcer.announce(subject, "Warning", Reason.FINALIZER_MISSING, TEXT)


async def set_finalizers(world: World, pool: dict[str, Any], *, add: bool) -> None:
    """Adds ours, or takes it off, and leaves those of others. Raises NotFound only when it was to be added; Conflict,
    when the pool is another one by now, which is in the cache then."""
    meta, path = pool["metadata"], paths.pool(pool["metadata"]["namespace"], pool["metadata"]["name"])
    if len(meta.get("finalizers") or ()) > MOST_FINALIZERS:  # there are more than the cache keeps
        meta = (await world.client.get(path))["metadata"]
    others = [name for name in meta.get("finalizers") or () if name != FINALIZER]
    patch = {
        "metadata": {
            "finalizers": [*others, FINALIZER] if add else others,
            "resourceVersion": meta["resourceVersion"],
        }
    }
    try:
        with told_of("the pool's finalizer"):
            stored = await world.client.patch(path, patch)
    except NotFound:
        if add:
            raise
        return
    except Conflict:
        world.cache.upsert(Kind.POOL, await world.client.get(path))
        raise
    world.cache.upsert(Kind.POOL, stored)
