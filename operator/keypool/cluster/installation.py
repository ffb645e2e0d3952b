"""The installation: a random id, part of every key's name upstream, the cluster that its ledgers belong to, and a
secret of its own, from which the pools' seals follow (`core.seal`).

All stand in one Secret beside the ledgers. A cluster is known by the certificates of its API server's CA: a copy of
the Secrets in another cluster would otherwise rotate and revoke the keys of the first one.
"""

import base64
import re
import secrets
from collections.abc import Callable
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists, NotFound
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.core.seal import seal_of

NAME = "keypool-installation"
SEAL = "seal"
CONFIRM_CLUSTER = "keypool.dev/confirm-cluster"
CONFIRM_MISSING = "keypool.dev/confirm-ledgers-missing"


class Installation:
    """`changed` says why nothing may be changed; None in the cluster that the ledgers belong to. `confirmed_missing`:
    so many lost ledgers may be rebuilt, says an administrator. `is_new`: there was no Secret, and one was made."""

    def __init__(
        self, client: KubeClient, namespace: str, new_id: Callable[[], str], new_secret: Callable[[], str]
    ) -> None:
        self._client, self._namespace, self._new_id, self._new_secret = client, namespace, new_id, new_secret
        self.id, self._secret = "", ""
        self.changed: Problem | None = None
        self.confirmed_missing = 0
        self.is_new = False

    async def refresh(self) -> bool:
        """Reads the Secret, or makes it; True when it says something else than before. Raises KubeError, ValueError."""
        before = (self.changed, self.confirmed_missing)
        present = self._client.connection.cluster_identity()
        secret = await self._read_or_create(present)
        self.id = _id(secret)
        self._secret = _entry(secret, SEAL) or self._secret or self._new_secret()
        annotations = secret["metadata"].get("annotations") or {}
        number = annotations.get(CONFIRM_MISSING, "")
        self.confirmed_missing = int(number) if re.fullmatch("[0-9]{1,6}", number) else 0
        pinned = frozenset(_entry(secret, "cluster").split())
        if is_same_cluster(pinned, present, annotations.get(CONFIRM_CLUSTER, "")):
            self.changed = None
            if pinned != present or not _entry(secret, SEAL):
                await self._pin(secret, present)
        else:
            self.changed = Problem(Reason.CLUSTER_CHANGED, _how_to_confirm(self._namespace, present))
        return (self.changed, self.confirmed_missing) != before

    def seal(self, pool_uid: str) -> str:
        """What shows that a pool's Secrets were written from its ledger."""
        return seal_of(self._secret, pool_uid)

    async def _pin(self, secret: dict[str, Any], present: frozenset[str]) -> None:
        """A confirmation is used up by it."""
        metadata = dict(secret["metadata"])
        metadata["annotations"] = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != CONFIRM_CLUSTER}
        data = {**(secret.get("data") or {}), "cluster": _encoded(present), SEAL: _base64(self._secret)}
        await self._client.replace(paths.secret(self._namespace, NAME), {**secret, "metadata": metadata, "data": data})

    async def _read_or_create(self, present: frozenset[str]) -> dict[str, Any]:
        try:
            return await self._client.get(paths.secret(self._namespace, NAME))
        except NotFound:
            pass
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME, "namespace": self._namespace},
            "data": {
                "id": _base64(self.id or self._new_id()),
                "cluster": _encoded(present),
                SEAL: _base64(self._secret or self._new_secret()),
            },
        }
        try:
            stored = await self._client.create(paths.secrets(self._namespace), body)
            self.is_new = True
            return stored
        except AlreadyExists:
            return await self._client.get(paths.secret(self._namespace, NAME))


async def installation_id(client: KubeClient, namespace: str, new_id: Callable[[], str]) -> str:
    """Reads the id, or stores a new one. An administrator who moves an installation sets it beforehand."""
    found = Installation(client, namespace, new_id, secrets.token_hex)
    await found.refresh()
    return found.id


def is_same_cluster(pinned: frozenset[str], present: frozenset[str], confirmed: str) -> bool:
    """One certificate in common is enough, so that a CA is rotated through a bundle; nothing pinned yet is no change.
    Pure."""
    return (
        not pinned or bool(pinned & present) or any(len(confirmed) >= 12 and p.startswith(confirmed) for p in present)
    )


def _how_to_confirm(namespace: str, present: frozenset[str]) -> str:
    return (
        "the API server's CA is not the one that this installation was made with, so nothing is changed, here or at "
        "providers. Where this is no copy of another cluster: "
        f"kubectl -n {namespace} annotate secret {NAME} --overwrite {CONFIRM_CLUSTER}={min(present)[:12]}"
    )


def _encoded(present: frozenset[str]) -> str:
    return _base64("\n".join(sorted(present)))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _entry(secret: dict[str, Any], name: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(name) or "").decode(errors="replace")


def _id(secret: dict[str, Any]) -> str:
    if not re.fullmatch("[a-z0-9]{4,16}", text := _entry(secret, "id")):
        raise ValueError(f"Secret {NAME}: entry id must be 4 to 16 lower-case letters and digits")
    return text
