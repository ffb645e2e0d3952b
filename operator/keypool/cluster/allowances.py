"""How much of an account's daily quota is used: one small Secret for each provider object, beside the ledgers.

It holds nothing secret; it is a Secret because those are what the operator may write there. Use is recorded before it
happens, so a crash makes it look larger, never smaller.
"""

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.cluster.records import put

NAME = "keypool-budget-{uid}"
LABEL = "keypool.dev/budget-record"

_log = logging.getLogger(__name__)

Counts = Mapping[int, int]
"""Calls by slot, see `core.budget.Window`."""


async def store(client: KubeClient, namespace: str, uid: str, counts: Counts) -> None:
    """Makes it durable. Raises KubeError."""
    content = {"counts": json.dumps({str(slot): count for slot, count in counts.items()})}
    await put(client, namespace, NAME.format(uid=uid), "keypool.dev/budget", LABEL, content)


async def load(client: KubeClient, namespace: str) -> dict[str, dict[int, int] | None]:
    """What was recorded, by provider UID; None for a record that is damaged: all may be used."""
    found: dict[str, dict[int, int] | None] = {}
    async for secret in client.list(paths.secrets(namespace), f"{LABEL}=true"):
        uid = secret["metadata"]["name"].removeprefix(NAME.format(uid=""))
        try:
            found[uid] = _read(secret)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            _log.error("the record of the daily quota of provider %s is damaged: it counts as used up", uid)
            found[uid] = None
    return found


def _read(secret: dict[str, Any]) -> dict[int, int]:
    counts = {int(slot): int(count) for slot, count in json.loads(base64.b64decode(secret["data"]["counts"])).items()}
    if any(count < 0 for count in counts.values()):
        raise ValueError("a negative count")
    return counts


async def drop(client: KubeClient, namespace: str, uid: str) -> None:
    """Forgets it: the provider object is gone."""
    try:
        await client.delete(paths.secret(namespace, NAME.format(uid=uid)))
    except NotFound:
        return
