"""An account that several namespaces use, and a provider that notes as whom its keys are made."""

import itertools
from dataclasses import dataclass, field
from typing import Any, cast

from keypool.api.provider import KeyProviderSpec
from keypool.api.provider_options import HolySheep
from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.core.annotations import CONFIRM
from keypool.core.limits import Identity
from keypool.providers.protocol import CreatedKey, NewKey, Provider
from keypool.providers.registry import build
from tests.cluster.team import ADMIN_ENTRY, Object, Team, pool_manifest, secret_manifest, to
from tests.waiting import eventually

CREDENTIAL = "shared-admin"
TEAM_LABEL = "example.com/team"


def tenant(namespace: str, **fields: Any) -> Object:
    """A tenant that is this namespace alone."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return {"name": "shop", "namespaceSelector": selector, **fields}


class Account:
    """The administrator's side: the ClusterKeyProvider, its credential, and labels of namespaces."""

    def __init__(self, client: KubeClient, name: str, system: str, url: str, admin_key: str) -> None:
        self.client, self.name, self.system, self.url, self.admin_key = client, name, system, url, admin_key
        self.path = paths.provider("", name)

    async def open(self, *tenants: Object, kind: str = "holySheep") -> None:
        """Creates the provider object; its credential stands in the operator's namespace."""
        await self.grant_credential()
        spec = {kind: {}, "endpoints": [{"url": self.url}], "auth": {"secretRef": {"name": CREDENTIAL}}}
        body = {"apiVersion": "keypool.dev/v1alpha1", "kind": "ClusterKeyProvider", "metadata": {"name": self.name}}
        await self.client.create(paths.cluster_providers(), {**body, "spec": {**spec, "tenants": list(tenants)}})

    async def grant_credential(self) -> None:
        """Puts the admin credential into the operator's namespace."""
        await self.client.create(paths.secrets(self.system), self._credential(CREDENTIAL, self.admin_key))

    async def use(self, secret: str, admin_key: str) -> None:
        """Points the provider object to another Secret."""
        await self.client.create(paths.secrets(self.system), self._credential(secret, admin_key))
        await self.client.patch(self.path, {"spec": {"auth": {"secretRef": {"name": secret}}}})

    def _credential(self, secret: str, admin_key: str) -> Object:
        return secret_manifest(secret, to(self.url, provider=self.name), **{ADMIN_ENTRY: admin_key})

    async def confirm(self, token: str) -> None:
        """Confirms that the account is another one."""
        await self.client.patch(self.path, {"metadata": {"annotations": {CONFIRM: token}}})

    async def serve(self, *tenants: Object) -> None:
        """Replaces the tenants."""
        await self.client.patch(self.path, {"spec": {"tenants": list(tenants)}})

    async def label(self, namespace: str, value: str | None) -> None:
        """Sets, or takes away, the label that names the team."""
        await self.client.patch(paths.namespace(namespace), {"metadata": {"labels": {TEAM_LABEL: value}}})

    def pool(self, name: str = "chat", **spec: Any) -> Object:
        """A pool of one key in this account."""
        return pool_manifest(name, providerRef={"kind": "ClusterKeyProvider", "name": self.name}, **spec)

    async def has(self, condition: str, status: str, reason: str, saying: str = "") -> Object:
        """The provider object's condition, as soon as it is so and its message says this."""

        async def found() -> Object | None:
            status_now = (await self.client.get(self.path)).get("status") or {}
            return next((one for one in status_now.get("conditions", ()) if one["type"] == condition), None)

        async def holds() -> bool:
            one = await found()
            return one is not None and (one["status"], one["reason"]) == (status, reason) and saying in one["message"]

        await eventually(holds, 15, f"{self.name}: {condition}={status} {reason}")
        return await found() or {}


@dataclass(slots=True)
class Notes:
    """As whom keys were asked for, and whether the clients that were made know of tenants, in order."""

    identities: list[Identity] = field(default_factory=list)
    tenanted: list[bool] = field(default_factory=list)

    def build(self, spec: KeyProviderSpec, *args: Any, **options: Any) -> Provider:
        """A webhook provider here is the simulator, and what it is asked for is noted."""
        self.tenanted.append(spec.tenanted)
        simulated = spec.model_copy(update={"webhook": None, "holy_sheep": HolySheep()})
        return cast("Provider", _Noting(build(simulated, *args, **options), self))


class _Noting:
    """Passes everything on."""

    def __init__(self, inner: Provider, notes: Notes) -> None:
        self._inner, self._notes = inner, notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def create(self, wanted: NewKey) -> CreatedKey:
        """Makes the key."""
        self._notes.identities.append(wanted.identity)
        return await self._inner.create(wanted)


_marks = itertools.count()


async def settled(team: Team, name: str = "chat") -> None:
    """Waits until the operator has looked at a refused pool after now: its status is of a newer generation."""
    await team.patch(name, health={"failureThreshold": 3 + next(_marks) % 10})

    def seen(pool: Object) -> bool:
        return bool(pool["status"].get("observedGeneration") == pool["metadata"]["generation"])

    await team.until(name, seen, what=f"{name} was looked at")
