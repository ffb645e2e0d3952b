"""Published Secrets: written whole with their resourceVersion, so that nothing but the projection is ever in them.

Labels and annotations of others stay; ours that are not wanted any more go, as managedFields tells which were ours.
(Server-side apply after a first POST would split the ownership of the fields between two entries of one manager.)
"""

import base64
import contextlib
from collections.abc import Collection, Mapping
from typing import Any

from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists, Conflict, Forbidden, NotFound
from keypool.cluster.secret_view import secret_view
from keypool.core.consent import ANNOTATION, entries_of
from keypool.core.ledger import Adopted, Ledger
from keypool.core.naming import OURS
from keypool.core.observation import PoolFacts, Problem
from keypool.core.ownership import adopted_entries, is_adopted, problem_of
from keypool.core.projection import (
    ANNOTATION_HANDLES,
    LABEL_POOL_UID,
    LABEL_PUBLISHED,
    MANAGED_BY,
    Desired,
)
from keypool.core.reasons import Reason
from keypool.core.views_secret import ANNOTATION_ADOPTED, ANNOTATION_REVISION, SecretView

AT_ONCE = 5
"""Times that a Secret is read and written before somebody who writes it in between is given way for a moment."""


class SecretRefused(Exception):
    """The Secret must not be written; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Publisher:
    """Writes the published Secrets of pools."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The Secret as it is now, None when there is none."""
        try:
            return await self._client.get(paths.secret(namespace, name))
        except NotFound:
            return None

    async def write(
        self, pool: PoolFacts, desired: Desired, ledger: Ledger, *, adopt: bool, seen: bool
    ) -> dict[str, Any]:
        """Makes one Secret what it must be; returns it as stored. One that was not `seen` a moment ago is created
        without another look. Raises SecretRefused, KubeError."""
        if not seen:
            with contextlib.suppress(AlreadyExists):
                return await self._client.create(paths.secrets(pool.namespace), _body(pool, desired, {}))
        for _ in range(AT_ONCE - 1):
            with contextlib.suppress(Conflict):
                return await self._overwrite(pool, desired, ledger, adopt=adopt)
        return await self._overwrite(pool, desired, ledger, adopt=adopt)

    async def _overwrite(self, pool: PoolFacts, desired: Desired, ledger: Ledger, *, adopt: bool) -> dict[str, Any]:
        live = await self.read(pool.namespace, desired.name)
        if live is None:
            return await self._client.create(paths.secrets(pool.namespace), _body(pool, desired, {}))
        view = secret_view(live)
        problem = problem_of(view, pool.uid, adopt, ledger) or _changed(view, pool, desired)
        if problem is not None:
            raise SecretRefused(problem)
        drop_labels = view.managed_labels - desired.labels.keys()
        drop_annotations = view.managed_annotations - desired.annotations.keys()
        metadata = dict(live["metadata"])
        metadata["labels"] = {k: v for k, v in view.labels.items() if k not in drop_labels}
        metadata["annotations"] = {k: v for k, v in view.annotations.items() if k not in drop_annotations}
        others = {} if desired.entries is None else _others(live, desired.entries)
        body = _body(pool, desired, metadata)
        body["data"] = {**others, **body["data"]}
        return await self._client.replace(paths.secret(pool.namespace, desired.name), body)

    async def remove(self, pool: PoolFacts | Subject, name: str, adopted: Adopted | None = None) -> bool:
        """Deletes a Secret that is this pool's; leaves everybody else's alone. One that the pool took over loses what
        was written into it, and stays; False where what was written cannot be taken out of it."""
        live = await self.read(pool.namespace, name)
        if live is None:
            return True
        view = secret_view(live)
        if is_adopted(view, pool.uid, adopted):
            ours = adopted_entries(view, adopted)
            data = live.get("data") or {} if view.immutable else _others(live, ours)
            written = await self._give_back(pool, view, {**_given_back(live, view), "data": data})
            return written and not (view.immutable and view.digests.keys() & set(ours))
        if view.owner_uid == pool.uid:
            with contextlib.suppress(NotFound):
                await self._client.delete(paths.secret(pool.namespace, name), uid=live["metadata"]["uid"])
        return True

    async def _give_back(self, pool: PoolFacts | Subject, view: SecretView, body: dict[str, Any]) -> bool:
        """False where its owner took it back already: our account may not write what says no word of us
        (manifests/policy), and waiting for that would hold the pool for ever."""
        try:
            await self._client.replace(paths.secret(pool.namespace, view.name), body)
        except Forbidden:
            allowed = entries_of(view.annotations.get(ANNOTATION, ""))
            says = any(entry.startswith("pool/") for entry in allowed)
            if says or view.labels.keys() & {LABEL_PUBLISHED, LABEL_POOL_UID}:
                raise
            return False
        return True

    async def release(
        self, pool: PoolFacts | Subject, name: str, held: Desired | None, adopted: Adopted | None = None
    ) -> None:
        """Takes our owner reference and our labels off, so that the Secret outlives the pool and is nobody's. One that
        is gone is written again as such, when it `held` anything, unless its namespace goes too."""
        live = await self.read(pool.namespace, name)
        if live is None and held is not None:
            live = await self._restore(pool, held)
        if live is None:
            return
        view = secret_view(live)
        if is_adopted(view, pool.uid, adopted):
            await self._give_back(pool, view, _given_back(live, view))
            return
        if not _is_to_be_released(view, pool.uid):
            return
        metadata = dict(live["metadata"])
        owners = metadata.get("ownerReferences") or ()
        metadata["ownerReferences"] = [ref for ref in owners if ref["uid"] != pool.uid]
        metadata["labels"] = _without_ours(metadata.get("labels") or {})
        await self._client.replace(paths.secret(pool.namespace, name), {**live, "metadata": metadata})

    async def _restore(self, pool: PoolFacts | Subject, held: Desired) -> dict[str, Any] | None:
        """With our labels at first: our account may create no Secret without them (manifests/policy)."""
        body = _body(pool, held, {})
        del body["metadata"]["ownerReferences"]
        try:
            return await self._client.create(paths.secrets(pool.namespace), body)
        except NotFound:
            return None  # the namespace went with the pool
        except Forbidden as error:
            if not error.namespace_terminating:
                raise
            return None


def _is_to_be_released(view: SecretView, pool_uid: str) -> bool:
    """It is the pool's; or was written again without an owner, and still has our labels, which an end interrupted."""
    orphan = view.owner_uid is None and not view.controlled_by_other
    return view.owner_uid == pool_uid or (orphan and view.labels.get(LABEL_POOL_UID) == pool_uid)


def _changed(view: SecretView, pool: PoolFacts, desired: Desired) -> Problem | None:
    """Another one than the pass saw: whether it is somebody else's has to be in the ledger before it is written."""
    is_others = view.owner_uid is None and view.labels.get(LABEL_POOL_UID) != pool.uid
    if is_others and desired.entries is None:
        return Problem(Reason.SECRET_FOREIGN, f"Secret {view.name} was made by somebody else just now", stalls=False)
    return None


def _others(live: Mapping[str, Any], ours: Collection[str]) -> dict[str, str]:
    return {key: text for key, text in (live.get("data") or {}).items() if key not in ours}


def _given_back(live: Mapping[str, Any], view: SecretView) -> dict[str, Any]:
    """A Secret that was taken over, without our marks; its owner's word about us stays."""
    ours = {ANNOTATION_REVISION, ANNOTATION_HANDLES, ANNOTATION_ADOPTED, *view.managed_annotations} - {ANNOTATION}
    labels = {LABEL_PUBLISHED, LABEL_POOL_UID, *view.managed_labels}
    labels |= {MANAGED_BY} if view.labels.get(MANAGED_BY) == "keypool" else set()
    metadata = dict(live["metadata"])
    metadata["labels"] = {key: text for key, text in view.labels.items() if key not in labels}
    metadata["annotations"] = {key: text for key, text in view.annotations.items() if key not in ours}
    return {**live, "metadata": metadata}


def _without_ours(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in labels.items() if not key.startswith(OURS)}


def _body(pool: PoolFacts | Subject, desired: Desired, metadata: Mapping[str, Any]) -> dict[str, Any]:
    owner = {
        "apiVersion": f"{paths.GROUP}/{paths.VERSION}",
        "kind": "ApiKeyPool",
        "name": pool.name,
        "uid": pool.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    others = [ref for ref in metadata.get("ownerReferences") or () if ref["uid"] != pool.uid]
    merged = {
        **metadata,
        "name": desired.name,
        "namespace": pool.namespace,
        "labels": {**(metadata.get("labels") or {}), **desired.labels},
        "annotations": {**(metadata.get("annotations") or {}), **desired.annotations},
        "ownerReferences": [*others, owner] if desired.entries is None else others,
    }
    data = {key: base64.b64encode(text.encode()).decode() for key, text in desired.data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": merged, "data": data}
