"""Has pools looked at whose namespace got other labels: they may be another tenant's, or nobody's, from then on. And
looks whether the namespaces to serve exist."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from keypool.cluster import paths
from keypool.cluster.cache import ObjectCache, provider_place
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Forbidden, KubeError, NotFound
from keypool.cluster.namespaces import Namespaces
from keypool.serve.logs import describe
from keypool.watch.liveness import Liveness

LOOK = 30.0
"""Seconds between two looks."""

_log = logging.getLogger(__name__)


async def watch_namespaces(
    namespaces: Namespaces, cache: ObjectCache, touch_pool: Callable[[str], None], every: float = LOOK
) -> None:
    """Until cancelled. `every` is in seconds."""
    while True:
        await asyncio.sleep(every)
        try:
            changed = await namespaces.refresh()
        except KubeError as error:
            _log.warning("labels of namespaces could not be read", extra={"error": describe(error)})
            continue
        for pool in cache.pools() if changed else ():
            if pool["metadata"]["namespace"] in changed and provider_place(pool)[0] == "":
                touch_pool(pool["metadata"]["uid"])


async def watch_served(client: KubeClient, served: Iterable[str], liveness: Liveness, every: float = LOOK) -> None:
    """Tells which of the namespaces to serve do not exist: a list of one is empty, as if all were well. Until
    cancelled."""
    names = tuple(served)
    while names:
        try:
            liveness.set_missing([name for name in names if not await _exists(client, name)])
        except KubeError as error:
            _log.warning("namespaces to serve could not be read", extra={"error": describe(error)})
        await asyncio.sleep(every)
    await asyncio.Event().wait()


async def _exists(client: KubeClient, name: str) -> bool:
    """One that may not be read is told as refused."""
    try:
        await client.get(paths.namespace(name))
    except NotFound:
        return False
    except Forbidden:
        return True
    return True
