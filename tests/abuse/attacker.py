"""Somebody with the rights of an ordinary editor of one namespace, and what looks like his work but does nothing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection
from keypool.cluster.errors import AlreadyExists, KubeError, Unavailable
from keypool_lab.controlplane import Cluster
from tests.cluster.team import Object, Person

AT_ONCE, TRIES = 8, 5
ACCOUNT = "attacker"
EDITS = {
    "rules": [
        {"apiGroups": ["keypool.dev"], "resources": ["apikeypools", "keyproviders"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["*"]},
    ]
}
"""More than what the ClusterRole `edit` allows is not needed for any attack."""
_COLLECTIONS = {"Secret": paths.secrets, "ApiKeyPool": paths.pools, "KeyProvider": paths.providers}


@dataclass
class Attacker:
    """`decoy`: each object that keypool would look at becomes one of the same size that it ignores. `wide` is the
    administrator's client, for what an attack finds in place. `wrongs`: what he, too, has a right to complain of."""

    client: KubeClient
    wide: KubeClient
    namespace: str
    system: str
    decoy: bool
    undone: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    async def put(self, manifests: Iterable[Object]) -> None:
        """Creates the objects, several at once."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(manifest: Object) -> None:
            async with turn:
                await self._create(self._as_made(manifest))

        await asyncio.gather(*map(one, manifests))

    async def put_wide(self, manifest: Object, collection: str) -> None:
        """Has the administrator create an object of the cluster, or one in the operator's namespace."""
        if not self.decoy:
            await self.wide.create(collection, manifest)
            self.undone.append(f"{collection}/{manifest['metadata']['name']}")

    async def annotate(self, name: str, **annotations: str) -> None:
        """Sets annotations below keypool.dev/ on a pool, or on what stands in its place."""
        path = f"{self._config_maps}/{name}" if self.decoy else paths.pool(self.namespace, name)
        texts = {f"keypool.dev/{key}": text for key, text in annotations.items()}
        await self.client.patch(path, {"metadata": {"annotations": texts}})

    async def delete(self, name: str) -> None:
        """Deletes a pool, or what stands in its place."""
        await self.client.delete(f"{self._config_maps}/{name}" if self.decoy else paths.pool(self.namespace, name))

    async def statuses(self) -> dict[str, Object]:
        """What each of the attacker's pools says, by name."""
        found = self.wide.list(paths.pools(self.namespace))
        return {pool["metadata"]["name"]: pool.get("status") or {} async for pool in found}

    async def undo(self) -> None:
        """Removes what is outside the namespace, and the finalizers in it, which nobody may be left to take away."""
        for path in self.undone:
            with contextlib.suppress(KubeError):
                await self.wide.delete(path)
        turn = asyncio.Semaphore(AT_ONCE)

        async def free(path: str) -> None:
            async with turn:
                with contextlib.suppress(KubeError):
                    await self.wide.patch(path, {"metadata": {"finalizers": None}})

        pools = [pool["metadata"]["name"] async for pool in self.wide.list(paths.pools(self.namespace))]
        await asyncio.gather(*(free(paths.pool(self.namespace, name)) for name in pools))

    @property
    def _config_maps(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    def _as_made(self, manifest: Object) -> Object:
        if not self.decoy:
            return manifest
        metadata = {key: value for key, value in manifest["metadata"].items() if key != "labels"}
        if manifest["kind"] == "Secret":
            return {**manifest, "metadata": metadata}
        return {"kind": "ConfigMap", "metadata": metadata, "data": {"spec": json.dumps(manifest["spec"])}}

    async def _create(self, manifest: Object) -> None:
        kind = manifest["kind"]
        collection = self._config_maps if kind == "ConfigMap" else _COLLECTIONS[kind](self.namespace)
        for _ in range(TRIES):  # a busy API server may answer late, or have done it without telling
            with contextlib.suppress(AlreadyExists):
                try:
                    await self.client.create(collection, manifest)
                except Unavailable:
                    continue
            return
        raise AssertionError(f"the attack could not be made: no answer to the creation of a {kind}")


@asynccontextmanager
async def attacker(
    cluster: Cluster, admin: KubeClient, namespace: str, system: str, *, decoy: bool, leaves: bool
) -> AsyncIterator[Attacker]:
    """With a service account in the namespace that may edit there, and nothing else. `leaves`: others use the cluster
    afterwards."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT}
    name = {"metadata": {"name": ACCOUNT}}
    await admin.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", name)
    await admin.create(f"{rbac}/roles", {**name, **EDITS})
    await admin.create(f"{rbac}/rolebindings", {**name, "roleRef": role, "subjects": [subject]})
    client = Person(await Connection.load(str(await cluster.kubeconfig_for(namespace, ACCOUNT))))
    one = Attacker(client, admin, namespace, system, decoy)
    try:
        yield one
    finally:
        if leaves:  # to free thousands of pools takes minutes
            await one.undo()
        await client.close()
