"""Has pools looked at whose namespace got other labels: they may be another tenant's, or nobody's, from then on."""

import asyncio
import logging
from collections.abc import Callable

from keypool.cluster.cache import ObjectCache, provider_place
from keypool.cluster.errors import KubeError
from keypool.cluster.namespaces import Namespaces
from keypool.serve.logs import describe

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
