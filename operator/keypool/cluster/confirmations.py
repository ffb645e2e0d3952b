"""What people confirmed about the accounts behind provider objects: one small Secret for each, beside the ledgers.

It holds nothing secret; it is a Secret because those are what the operator may write there.
"""

import base64
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.cluster.records import put

NAME = "keypool-account-{uid}"
LABEL = "keypool.dev/account-record"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`token`: the last one that was handled, which never works again. `since`: keys made up to then may be in another
    account, as a person confirmed; None when nobody did."""

    token: str
    since: datetime | None = None


async def store(client: KubeClient, namespace: str, uid: str, confirmation: Confirmation) -> None:
    """Makes it durable. Raises KubeError."""
    since = confirmation.since.isoformat() if confirmation.since is not None else ""
    content = {"token": confirmation.token, "since": since}
    await put(client, namespace, NAME.format(uid=uid), "keypool.dev/account", LABEL, content)


async def load(client: KubeClient, namespace: str) -> dict[str, Confirmation]:
    """All confirmations by provider UID. A damaged one counts as none: then a person is asked again."""
    found: dict[str, Confirmation] = {}
    async for secret in client.list(paths.secrets(namespace), f"{LABEL}=true"):
        uid = secret["metadata"]["name"].removeprefix(NAME.format(uid=""))
        try:
            found[uid] = _read(secret)
        except (ValueError, KeyError):
            _log.error("the record of what was confirmed about provider %s is damaged", uid)
    return found


def _read(secret: dict[str, Any]) -> Confirmation:
    data = {key: base64.b64decode(text).decode() for key, text in (secret.get("data") or {}).items()}
    since = datetime.fromisoformat(data["since"]) if data["since"] else None
    if since is not None and since.tzinfo is None:
        raise ValueError("a time without a zone")
    return Confirmation(data["token"], since)


async def drop(client: KubeClient, namespace: str, uid: str) -> None:
    """Forgets it: the provider object is gone, and with it the annotation."""
    try:
        await client.delete(paths.secret(namespace, NAME.format(uid=uid)))
    except NotFound:
        return
